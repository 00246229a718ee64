namespace Monitoring.Explainer;

/// <summary><c>kernel-shap</c>: Shapley values by weighted regression over coalitions. See <see cref="CoalitionDesign"/>.</summary>
internal sealed class KernelShap(PerturbationEngine engine, FeatureGroups groups, Background background, CoalitionDesign design)
{
    /// <summary>Explains one row for all outputs.</summary>
    /// <param name="row">As many numbers as the model has columns.</param>
    /// <param name="options">Priority, budget and progress; its rows and writer are replaced.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<Attribution> ExplainAsync(ReadOnlyMemory<float> row, PerturbationRequest options, CancellationToken cancellationToken)
    {
        var b = background.Count;
        var count = design.Count;

        // The explained row, the background rows, then every coalition over every background row.
        var results = await engine.RunAsync(options with { Rows = 1 + b + (count * b), Fill = Fill }, cancellationToken).ConfigureAwait(false);
        var outputs = engine.Model.Outputs;
        var value = results[..outputs];
        var @base = Mean(results.AsSpan(outputs, b * outputs), b, outputs);
        var answers = new double[outputs * count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < b; j++)
            {
                var at = (1 + b + (i * b) + j) * outputs;
                for (var o = 0; o < outputs; o++)
                {
                    answers[(o * count) + i] += results[at + o] / b;
                }
            }
        }

        var values = design.Explain(answers, @base, value);
        return new Attribution("kernel-shap", groups, values, @base, value, 1 + b + (count * b));

        void Fill(int first, int rows, Span<float> batch)
        {
            var columns = groups.Columns;
            for (var i = 0; i < rows; i++)
            {
                var target = batch.Slice(i * columns, columns);
                var number = first + i - 1 - b;
                if (number >= 0)
                {
                    groups.Mix(design.Coalition(number / b), row.Span, background.Row(number % b), target);
                }
                else if (first + i == 0)
                {
                    row.Span.CopyTo(target);
                }
                else
                {
                    background.Row(first + i - 1).CopyTo(target);
                }
            }
        }
    }

    internal static double[] Mean(ReadOnlySpan<double> rows, int count, int columns)
    {
        var mean = new double[columns];
        for (var i = 0; i < rows.Length; i++)
        {
            mean[i % columns] += rows[i] / count;
        }

        return mean;
    }
}
