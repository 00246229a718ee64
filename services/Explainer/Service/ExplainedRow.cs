using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Explainer;

/// <summary>An event's row as numbers.</summary>
internal static class ExplainedRow
{
    /// <summary>The inputs of a row, trailing dimensions of all tensors side by side.</summary>
    /// <exception cref="NotSupportedException">The event has no such row, or a tensor without numbers in it.</exception>
    public static float[] Read(InferenceEvent call, int row)
    {
        var values = new List<float>();
        foreach (var tensor in call.Inputs)
        {
            var rows = tensor.Shape.Count == 0 ? 1 : tensor.Shape[0];
            var elements = tensor.Shape.Aggregate(1L, (a, b) => a * b);
            var size = tensor.Datatype switch { "FP64" or "INT64" or "UINT64" => 8, "FP32" or "INT32" or "UINT32" => 4, "FP16" or "INT16" or "UINT16" => 2, "INT8" or "UINT8" or "BOOL" => 1, _ => 0 };
            if (size == 0 || rows <= 0 || elements * size != tensor.Data.Length)
            {
                throw new NotSupportedException($"event {call.Id}: input '{tensor.Name}' of {tensor.Datatype} holds no numbers in the event");
            }

            if (row < 0 || row >= rows)
            {
                throw new NotSupportedException($"event {call.Id} has rows 0 to {rows - 1}, not {row}");
            }

            var width = (int)(elements / rows);
            for (var i = 0; i < width; i++)
            {
                values.Add(Number(tensor.Datatype, tensor.Data.Span[((row * width * size) + (i * size))..]));
            }
        }

        return [.. values];
    }

    /// <summary>Finds events by id in a range of offsets.</summary>
    /// <returns>Those that are there, in log order.</returns>
    public static async Task<IReadOnlyList<InferenceEvent>> FindAsync(IEventLog log, int partition, long from, long to, IReadOnlySet<string> ids, CancellationToken cancellationToken)
    {
        var wanted = ids.Select(System.Text.Encoding.UTF8.GetBytes).ToList();
        var found = new List<InferenceEvent>();
        await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, partition, from, to, cancellationToken).ConfigureAwait(false))
        {
            if (entry.Value is not { } value || !IsWanted(entry, wanted))
            {
                continue;
            }

            try
            {
                found.Add(InferenceEvent.Parser.ParseFrom(value.Span));
            }
            catch (InvalidProtocolBufferException)
            {
                // Its id was right and its body is not: the monitors have put it among the dead letters.
            }

            if (found.Count == ids.Count)
            {
                break;
            }
        }

        return found;
    }

    private static bool IsWanted(LogEntry entry, List<byte[]> ids)
    {
        foreach (var header in entry.Headers)
        {
            if (header.Name == Headers.Id)
            {
                foreach (var id in ids)
                {
                    if (header.Value.Span.SequenceEqual(id))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }

    private static float Number(string datatype, ReadOnlySpan<byte> at) => datatype switch
    {
        "FP64" => (float)BitConverter.ToDouble(at),
        "FP32" => BitConverter.ToSingle(at),
        "FP16" => (float)BitConverter.ToHalf(at),
        "INT64" => BitConverter.ToInt64(at),
        "UINT64" => BitConverter.ToUInt64(at),
        "INT32" => BitConverter.ToInt32(at),
        "UINT32" => BitConverter.ToUInt32(at),
        "INT16" => BitConverter.ToInt16(at),
        "UINT16" => BitConverter.ToUInt16(at),
        "INT8" => (sbyte)at[0],
        _ => at[0],
    };
}
