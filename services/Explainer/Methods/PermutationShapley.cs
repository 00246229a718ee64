namespace Monitoring.Explainer;

/// <summary>
/// <c>permutation</c>: Shapley values by adding groups one by one in random orders, each order also backwards (antithetic), with
/// standard errors. Castro, Gómez and Tejada, "Polynomial calculation of the Shapley value based on sampling" (2009).
/// </summary>
/// <param name="engine">Scores.</param>
/// <param name="groups">Groups.</param>
/// <param name="background">Order p starts from background row p modulo its count.</param>
/// <param name="orders">Orders, ≥ 2; each costs 2 · groups rows.</param>
/// <param name="seed">Seed of the orders.</param>
internal sealed class PermutationShapley(PerturbationEngine engine, FeatureGroups groups, Background background, int orders, int seed)
{
    /// <inheritdoc cref="KernelShap.ExplainAsync"/>
    public async Task<Attribution> ExplainAsync(ReadOnlyMemory<float> row, PerturbationRequest options, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(orders, 2);
        var m = groups.Count;
        var words = (m + 63) / 64;
        var random = new Random(seed);
        var permutations = new int[orders][];
        for (var p = 0; p < orders; p++)
        {
            permutations[p] = [.. Enumerable.Range(0, m)];
            random.Shuffle(permutations[p]);
        }

        // Per order: its background row, m − 1 partial coalitions forwards, m − 1 backwards. The full row is scored once.
        var perOrder = 1 + (2 * (m - 1));
        var results = await engine.RunAsync(options with { Rows = 1 + (orders * perOrder), Fill = Fill }, cancellationToken).ConfigureAwait(false);
        var outputs = engine.Model.Outputs;
        var value = results[..outputs];
        var sums = new double[m * outputs];
        var squares = new double[m * outputs];
        var bases = new double[outputs];
        for (var p = 0; p < orders; p++)
        {
            var at = 1 + (p * perOrder);
            for (var o = 0; o < outputs; o++)
            {
                bases[o] += results[(at * outputs) + o] / orders;
                double forward = results[(at * outputs) + o], backward = forward;
                var pair = new double[m];
                for (var k = 0; k < m; k++)
                {
                    var next = k == m - 1 ? value[o] : results[((at + 1 + k) * outputs) + o];
                    pair[permutations[p][k]] += (next - forward) / 2;
                    forward = next;

                    next = k == m - 1 ? value[o] : results[((at + m + k) * outputs) + o];
                    pair[permutations[p][m - 1 - k]] += (next - backward) / 2;
                    backward = next;
                }

                for (var g = 0; g < m; g++)
                {
                    sums[(g * outputs) + o] += pair[g];
                    squares[(g * outputs) + o] += pair[g] * pair[g];
                }
            }
        }

        var values = sums.Select(s => s / orders).ToArray();
        var errors = new double[values.Length];
        for (var i = 0; i < errors.Length; i++)
        {
            errors[i] = Math.Sqrt(Math.Max(0, (squares[i] / orders) - (values[i] * values[i])) / (orders - 1));
        }

        return new Attribution("permutation", groups, values, bases, value, 1 + (orders * perOrder)) { StandardErrors = errors };

        void Fill(int first, int rows, Span<float> batch)
        {
            var columns = groups.Columns;
            Span<ulong> coalition = stackalloc ulong[words];
            for (var i = 0; i < rows; i++)
            {
                var target = batch.Slice(i * columns, columns);
                if (first + i == 0)
                {
                    row.Span.CopyTo(target);
                    continue;
                }

                var p = (first + i - 1) / perOrder;
                var step = (first + i - 1) % perOrder;
                var backwards = step >= m;
                var size = backwards ? step - m + 1 : step;
                coalition.Clear();
                for (var k = 0; k < size; k++)
                {
                    var member = permutations[p][backwards ? m - 1 - k : k];
                    coalition[member >> 6] |= 1UL << (member & 63);
                }

                groups.Mix(coalition, row.Span, background.Row(p % background.Count), target);
            }
        }
    }
}
