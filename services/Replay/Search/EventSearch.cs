using System.Numerics.Tensors;
using System.Text;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Replay.Search;

/// <summary>Searches the log of inference events, the partitions side by side.</summary>
internal sealed class EventSearch(IEventLog log)
{
    private const int ProgressEvery = 8192;

    /// <summary>Searches.</summary>
    public async Task<SearchResult> SearchAsync(SearchRequest request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Limit, 1);
        var partitions = await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
        var scans = new PartitionScan[partitions];
        var total = 0L;
        for (var p = 0; p < partitions; p++)
        {
            var (from, to) = await LogOffsets.InAsync(log, Topics.InferenceEvents, p, request.From, request.To, cancellationToken).ConfigureAwait(false);
            scans[p] = new PartitionScan(log, request, p, from, to);
            total += to - from;
        }

        var scanned = 0L;
        Action<int> progress = count =>
        {
            var now = Interlocked.Add(ref scanned, count);
            request.Progress?.Report(new SearchProgress(now, total));
        };
        await Parallel.ForEachAsync(scans, cancellationToken, (scan, token) => scan.RunAsync(progress, token)).ConfigureAwait(false);

        var all = scans.SelectMany(s => s.Hits);
        var ordered = request.SimilarTo is null
            ? all.OrderBy(h => h.Entry.TimeUnixNano).ThenBy(h => h.Entry.Partition).ThenBy(h => h.Entry.Offset).ThenBy(h => h.Row)
            : all.OrderBy(h => h.Distance).ThenBy(h => h.Entry.TimeUnixNano).ThenBy(h => h.Row);
        var hits = ordered.Take(request.Limit).ToList();
        return new SearchResult(hits, scans.Sum(s => s.Scanned), scans.Sum(s => s.Unreadable), request.SimilarTo is null && scans.Sum(s => s.Hits.Count) > hits.Count | scans.Any(s => s.Stopped));
    }

    private sealed class PartitionScan(IEventLog log, SearchRequest request, int partition, long from, long to)
    {
        private readonly float[]? _target = request.SimilarTo is { } target ? Scaled(target, request.Scale) : null;
        private readonly float[] _row = new float[request.SimilarTo?.Length ?? 0];
        private readonly PriorityQueue<SearchHit, double> _nearest = new();
        private readonly List<SearchHit> _hits = [];

        public IReadOnlyCollection<SearchHit> Hits => _target is null ? _hits : [.. _nearest.UnorderedItems.Select(i => i.Element)];

        public long Scanned { get; private set; }

        public long Unreadable { get; private set; }

        public bool Stopped { get; private set; }

        public async ValueTask RunAsync(Action<int> progress, CancellationToken cancellationToken)
        {
            var told = 0L;
            await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, partition, from, to, cancellationToken).ConfigureAwait(false))
            {
                Scanned++;
                if (Scanned - told == ProgressEvery)
                {
                    told = Scanned;
                    progress(ProgressEvery);
                }

                Look(entry);
                if (_hits.Count >= request.Limit)
                {
                    Stopped = true;
                    break;
                }
            }

            progress((int)(Scanned - told));
        }

        private void Look(LogEntry entry)
        {
            if (entry.Value is not { } value || !EventView.TryRead(value.Span, out var view))
            {
                Unreadable++;
                return;
            }

            if (request.Ids is { } ids && !ids.Contains(Encoding.UTF8.GetString(view.Id)))
            {
                return;
            }

            var where = request.Where;
            if (where is { PerRow: false } && !where.Matches(view, 0))
            {
                return;
            }

            var rows = EventRows.Count(view);
            if (_target is null && where is null or { PerRow: false } && rows == 0)
            {
                // A failed call may hold no tensors and still be what is looked for.
                _hits.Add(new SearchHit(entry, 0, null));
                return;
            }

            for (var row = 0; row < rows && _hits.Count < request.Limit; row++)
            {
                if (where is { PerRow: true } && !where.Matches(view, row))
                {
                    continue;
                }

                if (_target is null)
                {
                    _hits.Add(new SearchHit(entry, row, null));
                }
                else
                {
                    Compare(entry, view, row);
                }
            }
        }

        private void Compare(LogEntry entry, in EventView view, int row)
        {
            var values = EventRows.InputInPlace(view, row);
            if (values.Length != _row.Length)
            {
                if (!EventRows.CopyInput(view, row, _row))
                {
                    return;
                }

                values = _row;
            }

            if (request.Scale is { } scale)
            {
                TensorPrimitives.Divide(values, scale, _row);
                values = _row;
            }

            double distance = TensorPrimitives.Distance(values, _target);
            if (double.IsNaN(distance))
            {
                return;
            }

            if (_nearest.Count < request.Limit)
            {
                _nearest.Enqueue(new SearchHit(entry, row, distance), -distance);
            }
            else if (_nearest.TryPeek(out _, out var worst) && -worst > distance)
            {
                _nearest.DequeueEnqueue(new SearchHit(entry, row, distance), -distance);
            }
        }

        private static float[] Scaled(float[] target, float[]? scale)
        {
            var scaled = (float[])target.Clone();
            if (scale is not null)
            {
                TensorPrimitives.Divide(target, scale, scaled);
            }

            return scaled;
        }
    }
}
