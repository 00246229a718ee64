using System.Buffers;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>Makes an event of a call and appends it to the spool, before the caller is answered. Never makes a caller wait or fail.</summary>
internal sealed partial class EventCapture(LoadedConfiguration configuration, Spool spool, ArtifactStore artifacts, TimeProvider time, ILogger<EventCapture> logger)
{
    /// <summary>Attribute of events that names the decisions about the client that touched the call: <c>coarsen:ID</c>, <c>dry-run:deny:ID</c>.</summary>
    public const string ControlAttribute = "monitoring.control";

    /// <summary>Stands for a message that may quote what the caller sent.</summary>
    private const string Unquoted = "refused; what was wrong is not kept, as the model redacts inputs";

    private readonly EventSplitter _splitter = new(artifacts);
    private readonly CaptureMode _mode = configuration.Value.Capture.Mode;

    /// <summary>This process, as events name it.</summary>
    private readonly string _instance = Environment.MachineName;

    private readonly long _start = UnixNano(time.GetUtcNow());

    public static long UnixNano(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks * 100;

    /// <summary>Captures the call; returns false where it had to be dropped, which is counted.</summary>
    public async ValueTask<bool> CaptureAsync(ServedModel model, CapturedCall call, CancellationToken cancellationToken)
    {
        if (_mode == CaptureMode.Off)
        {
            return true;
        }

        var captured = Append(model, call);
        if (captured && _mode == CaptureMode.Fsync)
        {
            try
            {
                await spool.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (IOException e)
            {
                LogFlushFailed(e);
            }
        }

        return captured;
    }

    private bool Append(ServedModel model, CapturedCall call)
    {
        Shorten(call);
        var violations = new RepeatedField<SchemaViolation>();
        if (call.Refusal is not null)
        {
            violations.Add(call.Refusal);
        }
        else
        {
            SchemaCheck.Check(model.Schema, call.Inputs, model.Configuration.Redact, violations);
        }

        model.Statistics.AddViolations(violations.Count);
        var attributes = AttributesOf(model, call);
        var key = KeyOf(model, call);
        if (model.Configuration.Redact.Count == 0
            && EventWriter.BoundOf(key, model.Name, _instance, call, violations, attributes) is var bound and <= EventSplitter.MaxBytes)
        {
            var frame = ArrayPool<byte>.Shared.Rent((int)bound);
            try
            {
                // The number is taken whether or not there is room: a dropped event is a gap that consumers see.
                var length = EventWriter.Write(frame, key, model.Name, _instance, _start, model.NextSequence(), call, violations, attributes);
                return Append(model, frame.AsSpan(0, length));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(frame);
            }
        }

        return AppendMessage(model, call, key, violations, attributes);
    }

    private bool Append(ServedModel model, Span<byte> frame)
    {
        if (spool.TryAppend(frame) == SpoolResult.Written)
        {
            model.Statistics.AddCaptured();
            return true;
        }

        model.Statistics.AddDropped();
        return false;
    }

    /// <summary>The way of calls that may be more than one record, or of which something is left out.</summary>
    private bool AppendMessage(ServedModel model, CapturedCall call, string key, RepeatedField<SchemaViolation> violations, IReadOnlyList<Contracts.Attribute> attributes)
    {
        IReadOnlyList<InferenceEvent> parts;
        try
        {
            parts = _splitter.Split(Build(model, call, violations, attributes));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogArtifactFailed(e);
            model.NextSequence();
            model.Statistics.AddDropped();
            return false;
        }

        var all = true;
        foreach (var part in parts)
        {
            part.Source.Sequence = model.NextSequence();
            var size = SpooledEvent.SizeOf(key, part, call.TraceParent);
            var frame = ArrayPool<byte>.Shared.Rent(size);
            try
            {
                SpooledEvent.Write(frame.AsSpan(0, size), key, part, call.TraceParent);
                all &= Append(model, frame.AsSpan(0, size));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(frame);
            }
        }

        return all;
    }

    /// <summary>What callers may make as long as they like is cut.</summary>
    private static void Shorten(CapturedCall call)
    {
        call.RequestId = Truncate(call.RequestId, 256);
        call.Error = Truncate(call.Error, 2048);
    }

    /// <summary>Request parameters but those that may not be kept, and our own, sorted by key.</summary>
    private static IReadOnlyList<Contracts.Attribute> AttributesOf(ServedModel model, CapturedCall call)
    {
        if (call.Attributes.Count == 0 && call.Control is null)
        {
            return [];
        }

        // A caller's parameter of our name says nothing.
        var redact = model.Configuration.Redact;
        var attributes = call.Attributes.Where(a => a.Key != ControlAttribute && !redact.Contains(a.Key));
        attributes = call.Control is null ? attributes : attributes.Append(new Contracts.Attribute { Key = ControlAttribute, Value = call.Control });
        return [.. attributes.OrderBy(a => a.Key, StringComparer.Ordinal)];
    }

    /// <summary>The event as a message.</summary>
    private InferenceEvent Build(ServedModel model, CapturedCall call, RepeatedField<SchemaViolation> violations, IReadOnlyList<Contracts.Attribute> attributes)
    {
        var redact = model.Configuration.Redact;
        var value = new InferenceEvent
        {
            Id = call.Id,
            TimeUnixNano = call.TimeUnixNano,
            Model = model.Name,
            ModelVersion = call.ModelVersion,
            Client = call.Client,
            RequestId = call.RequestId,
            Status = call.Status,
            Error = redact.Count > 0 && call.Refusal is not null ? Unquoted : call.Error,
            LatencyNano = call.LatencyNano,
            Source = new Source { Instance = _instance, StartUnixNano = _start },
        };
        value.Violations.Add(violations);
        value.Attributes.Add(attributes);
        if (redact.Count > 0 && call.Refusal is not null)
        {
            // The caller reads which value was wrong; the log may not.
            foreach (var violation in value.Violations)
            {
                violation.Detail = Unquoted;
            }
        }

        foreach (var input in call.Inputs)
        {
            if (redact.Count == 0)
            {
                value.Inputs.Add(ToTensor(input));
            }
            else if (!redact.Contains(input.Name) && Redact(input, model.Schema, redact) is { } kept)
            {
                value.Inputs.Add(ToTensor(kept));
            }
        }

        foreach (var output in call.Outputs)
        {
            value.Outputs.Add(ToTensor(output));
        }

        return value;
    }

    private static Tensor ToTensor(ScoringTensor tensor)
    {
        var result = new Tensor
        {
            Name = tensor.Name,
            Datatype = tensor.Type.ProtocolName(),
            // Serialised before the call ends, so the memory need not be copied.
            Data = UnsafeByteOperations.UnsafeWrap(tensor.Data),
        };
        result.Shape.Add(tensor.Shape);
        return result;
    }

    /// <summary>Columns that may not be kept hold NaN (0 in whole-number tensors). Null where it cannot be told which column is which: then nothing of it is kept.</summary>
    private static ScoringTensor? Redact(ScoringTensor tensor, ModelSchema? schema, IReadOnlyList<string> redact)
    {
        if (schema is null || !schema.Features.Any(f => redact.Contains(f.Name)))
        {
            return tensor;
        }

        if (tensor.Type == TensorType.Bytes || tensor.Rows == 0 || tensor.ElementCount / tensor.Rows != schema.Width)
        {
            return null;
        }

        var size = tensor.Type.Size();
        var data = tensor.Data.ToArray();
        Span<byte> nothing = stackalloc byte[8];
        nothing = nothing[..size];
        switch (tensor.Type)
        {
            case TensorType.Float32:
                BitConverter.TryWriteBytes(nothing, float.NaN);
                break;
            case TensorType.Float64:
                BitConverter.TryWriteBytes(nothing, double.NaN);
                break;
            case TensorType.Float16:
                BitConverter.TryWriteBytes(nothing, Half.NaN);
                break;
            default:
                nothing.Clear();
                break;
        }

        var column = 0;
        foreach (var feature in schema.Features)
        {
            for (var offset = 0; redact.Contains(feature.Name) && offset < feature.Width; offset++)
            {
                for (var at = (column + offset) * size; at < data.Length; at += schema.Width * size)
                {
                    nothing.CopyTo(data.AsSpan(at));
                }
            }

            column += feature.Width;
        }

        return new ScoringTensor(tensor.Name, tensor.Type, tensor.Shape, data);
    }

    private static string KeyOf(ServedModel model, CapturedCall call)
    {
        var shards = model.Configuration.Shards;
        if (shards <= 1)
        {
            return model.Name;
        }

        // All calls of a client in one shard; those of nobody spread by their id.
        var hash = Crc32C.Compute(Encoding.UTF8.GetBytes(call.Client.Id.Length > 0 ? call.Client.Id : call.Id));
        return string.Create(CultureInfo.InvariantCulture, $"{model.Name}#{hash % (uint)shards}");
    }

    private static string Truncate(string text, int length) => text.Length <= length ? text : text[..length];

    [LoggerMessage(EventId = 2110, Level = LogLevel.Error, Message = "a part of an event is too large for the log and the artifact store cannot keep it: the event is dropped")]
    private partial void LogArtifactFailed(Exception exception);

    [LoggerMessage(EventId = 2111, Level = LogLevel.Error, Message = "the spool cannot be flushed to the disk")]
    private partial void LogFlushFailed(Exception exception);
}
