using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Search;

/// <summary>Spread of each input column, so that kilometres do not drown hours in a distance.</summary>
internal static class ColumnScale
{
    /// <summary>Standard deviation per column over the first <paramref name="sample"/> rows of the range; 1 where a column does not vary.</summary>
    public static async Task<float[]> FitAsync(IEventLog log, int width, long from, long to, CancellationToken cancellationToken, int sample = 2000)
    {
        var mean = new double[width];
        var squares = new double[width];
        var row = new float[width];
        var count = 0;
        var partitions = await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions && count < sample; p++)
        {
            var (first, last) = await LogOffsets.InAsync(log, Topics.InferenceEvents, p, from, to, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, p, first, last, cancellationToken).ConfigureAwait(false))
            {
                Add(entry);
                if (count >= sample)
                {
                    break;
                }
            }
        }

        // Welford's running variance.
        return [.. squares.Select(s => count > 1 && s / (count - 1) is var variance && variance > 1e-12 ? (float)Math.Sqrt(variance) : 1f)];

        void Add(LogEntry entry)
        {
            if (entry.Value is not { } value || !EventView.TryRead(value.Span, out var view))
            {
                return;
            }

            var rows = EventRows.Count(view);
            for (var r = 0; r < rows; r++)
            {
                if (!EventRows.CopyInput(view, r, row) || row.Any(float.IsNaN))
                {
                    continue;
                }

                count++;
                for (var c = 0; c < width; c++)
                {
                    var delta = row[c] - mean[c];
                    mean[c] += delta / count;
                    squares[c] += delta * (row[c] - mean[c]);
                }
            }
        }
    }
}
