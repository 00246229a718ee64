namespace Monitoring.Explainer;

/// <summary>
/// <c>counterfactual</c>: takes the nearest reference row of another class and puts groups back to the explained row's values, each
/// time the one that leaves the other class most probable, as long as it stays the answer. What remains changed is what the
/// difference hangs on. Every value in the result was seen in the explained row or in the reference.
/// </summary>
internal sealed class Counterfactual(PerturbationEngine engine, FeatureGroups groups, ReferenceRows reference)
{
    /// <summary>Searches.</summary>
    /// <param name="row">The explained row.</param>
    /// <param name="toClass">Class to reach; null for any other.</param>
    /// <param name="options">Priority and budget (for each round); its rows and writer are replaced.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Null where the reference holds no row of another class.</returns>
    public async Task<CounterfactualRow?> SearchAsync(ReadOnlyMemory<float> row, int? toClass, PerturbationRequest options, CancellationToken cancellationToken)
    {
        var outputs = engine.Model.Outputs;
        var spent = 1;
        var scores = await engine.RunAsync(options with { Rows = 1, Fill = (_, _, batch) => row.Span.CopyTo(batch) }, cancellationToken).ConfigureAwait(false);
        var from = Top(scores, outputs);
        var nearest = reference.Nearest(row.Span, 1, i => toClass is { } wanted ? reference.Classes[i] == wanted : reference.Classes[i] != from);
        if (nearest.Count == 0 || toClass == from)
        {
            return null;
        }

        var start = nearest[0].Row;
        var to = reference.Classes[start];
        var changed = Enumerable.Range(0, groups.Count).Where(g => Differs(g, row.Span, reference.Row(start))).ToList();
        while (changed.Count > 1)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var results = await engine.RunAsync(
                options with
                {
                    Rows = changed.Count,
                    Fill = (first, count, batch) =>
                    {
                        for (var i = 0; i < count; i++)
                        {
                            Write(changed, first + i, row.Span, reference.Row(start), batch.Slice(i * groups.Columns, groups.Columns));
                        }
                    },
                },
                cancellationToken).ConfigureAwait(false);
            spent += changed.Count;
            var best = -1;
            for (var i = 0; i < changed.Count; i++)
            {
                var one = results.AsSpan(i * outputs, outputs);
                if (Top(one, outputs) == to && (best < 0 || Probability(one, to) > Probability(results.AsSpan(best * outputs, outputs), to)))
                {
                    best = i;
                }
            }

            if (best < 0)
            {
                break;
            }

            changed.RemoveAt(best);
        }

        var found = new float[groups.Columns];
        Write(changed, -1, row.Span, reference.Row(start), found);
        return new CounterfactualRow(found, from, to, changed, start, spent);
    }

    /// <summary>Class of an output row: the largest entry; with one output, whether it is at least ½.</summary>
    internal static int Top(ReadOnlySpan<double> scores, int outputs)
    {
        if (outputs == 1)
        {
            return scores[0] >= 0.5 ? 1 : 0;
        }

        var best = 0;
        for (var i = 1; i < outputs; i++)
        {
            if (scores[i] > scores[best])
            {
                best = i;
            }
        }

        return best;
    }

    private static double Probability(ReadOnlySpan<double> scores, int to) => scores.Length == 1 ? (to == 1 ? scores[0] : 1 - scores[0]) : scores[to];

    private bool Differs(int group, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        for (var c = 0; c < groups.Columns; c++)
        {
            if (groups.GroupOf[c] == group && a[c] != b[c])
            {
                return true;
            }
        }

        return false;
    }

    private void Write(List<int> changed, int without, ReadOnlySpan<float> row, ReadOnlySpan<float> other, Span<float> target)
    {
        Span<ulong> coalition = stackalloc ulong[(groups.Count + 63) / 64];
        coalition.Clear();
        for (var i = 0; i < changed.Count; i++)
        {
            if (i != without)
            {
                coalition[changed[i] >> 6] |= 1UL << (changed[i] & 63);
            }
        }

        groups.Mix(coalition, other, row, target);
    }
}
