using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Hosting;

namespace Monitoring.Inference;

/// <summary>
/// Keeps events within the size of a record: a larger one is split by row, and the tensors of a single row that is still
/// too large go to the artifact store, the event keeping their SHA-256.
/// </summary>
internal sealed class EventSplitter(ArtifactStore artifacts)
{
    /// <summary>Largest serialised event.</summary>
    public const int MaxBytes = 900_000;

    /// <summary>Tensors below this stay in the event when others go to the store.</summary>
    private const int SmallTensor = 16_384;

    /// <summary>The event itself, or its parts in row order, each with its own id.</summary>
    /// <exception cref="IOException">The artifact store cannot be written.</exception>
    public IReadOnlyList<InferenceEvent> Split(InferenceEvent whole)
    {
        var size = whole.CalculateSize();
        if (size <= MaxBytes)
        {
            return [whole];
        }

        var rows = RowsOf(whole);
        if (rows <= 1)
        {
            return [Store(whole)];
        }

        // Rows are of equal size but for BYTES, so a part that is still too large is split again.
        var parts = new List<InferenceEvent>();
        var perPart = Math.Max(1, (int)(rows * (long)(MaxBytes - 4096) / size));
        Cut(whole, 0, rows, perPart, parts);
        for (var i = 0; i < parts.Count; i++)
        {
            parts[i].Id = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{whole.Id}-{i}");
            parts[i].Part = new Part { Index = i, Count = parts.Count, FirstRow = parts[i].Part.FirstRow, CallId = whole.Id };
        }

        return parts;
    }

    private void Cut(InferenceEvent whole, long first, long count, long perPart, List<InferenceEvent> parts)
    {
        for (var row = first; row < first + count; row += perPart)
        {
            var taken = Math.Min(perPart, first + count - row);
            var part = Rows(whole, row, taken);
            if (part.CalculateSize() <= MaxBytes)
            {
                parts.Add(part);
            }
            else if (taken == 1)
            {
                parts.Add(Store(part));
            }
            else
            {
                Cut(whole, row, taken, (taken + 1) / 2, parts);
            }
        }
    }

    /// <summary>The rows that all tensors share; 0 where they do not.</summary>
    private static long RowsOf(InferenceEvent value)
    {
        long rows = -1;
        foreach (var tensor in value.Inputs.Concat(value.Outputs))
        {
            var own = tensor.Shape.Count == 0 ? 0 : tensor.Shape[0];
            rows = rows == -1 || rows == own ? own : 0;
        }

        return Math.Max(0, rows);
    }

    private static InferenceEvent Rows(InferenceEvent whole, long first, long count)
    {
        var part = Envelope(whole);
        part.Inputs.Add(whole.Inputs.Select(t => Rows(t, first, count)));
        part.Outputs.Add(whole.Outputs.Select(t => Rows(t, first, count)));
        part.Part = new Part { FirstRow = first };
        return part;
    }

    private static Tensor Rows(Tensor tensor, long first, long count)
    {
        var (start, end) = tensor.Datatype == "BYTES"
            ? BytesRange(tensor, first, count)
            : ((int)(tensor.Data.Length / tensor.Shape[0] * first), (int)(tensor.Data.Length / tensor.Shape[0] * (first + count)));
        var part = new Tensor { Name = tensor.Name, Datatype = tensor.Datatype, Data = UnsafeByteOperations.UnsafeWrap(tensor.Data.Memory[start..end]) };
        part.Shape.Add(tensor.Shape);
        part.Shape[0] = count;
        return part;
    }

    private static (int Start, int End) BytesRange(Tensor tensor, long first, long count)
    {
        var perRow = tensor.Shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        var data = tensor.Data.Span;
        var at = Skip(data, 0, first * perRow);
        return (at, Skip(data, at, count * perRow));
    }

    private static int Skip(ReadOnlySpan<byte> data, int at, long elements)
    {
        for (; elements > 0; elements--)
        {
            at += 4 + System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(data[at..]);
        }

        return at;
    }

    private InferenceEvent Store(InferenceEvent value)
    {
        var result = Envelope(value);
        result.Part = value.Part;
        result.Inputs.Add(value.Inputs.Select(Store));
        result.Outputs.Add(value.Outputs.Select(Store));
        return result;
    }

    private Tensor Store(Tensor tensor)
    {
        if (tensor.Data.Length < SmallTensor)
        {
            return tensor;
        }

        var stored = new Tensor
        {
            Name = tensor.Name,
            Datatype = tensor.Datatype,
            Artifact = new Artifact { Sha256 = artifacts.Put(tensor.Data.Span), Length = tensor.Data.Length },
        };
        stored.Shape.Add(tensor.Shape);
        return stored;
    }

    private static InferenceEvent Envelope(InferenceEvent value)
    {
        var copy = new InferenceEvent
        {
            Id = value.Id,
            TimeUnixNano = value.TimeUnixNano,
            Model = value.Model,
            ModelVersion = value.ModelVersion,
            Client = value.Client,
            RequestId = value.RequestId,
            Status = value.Status,
            Error = value.Error,
            LatencyNano = value.LatencyNano,
            Source = value.Source.Clone(),
        };
        copy.Attributes.Add(value.Attributes);
        copy.Violations.Add(value.Violations);
        return copy;
    }
}
