using System.Globalization;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary>Looks at the decimals of what callers receive; exported tensors are not theirs.</summary>
internal sealed class PrecisionMonitor(ModelDescription model, PrecisionOptions options) : IMonitor
{
    /// <summary>A float near a decimal is within this of it, in units of the last allowed decimal.</summary>
    private const double Slack = 1e-3;

    private readonly int[] _outputs = [.. Enumerable.Range(0, model.Outputs.Count).Where(o => IsWatched(model.Outputs[o].Role))];
    private readonly double _scale = Math.Pow(10, options.Decimals);

    public IReadOnlyList<Variable> Variables => [];

    public bool HoldsEvidence => false;

    public static bool IsWatched(OutputRole role) => role is OutputRole.Probabilities or OutputRole.Logits or OutputRole.Regression;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        foreach (var output in _outputs)
        {
            foreach (var value in rows.Output(output, row))
            {
                var scaled = value * _scale;
                if (float.IsFinite(value) && Math.Abs(scaled - Math.Round(scaled)) > Slack)
                {
                    var name = model.Outputs[output].Name;
                    sink.Report(new CertainFinding(name, string.Create(CultureInfo.InvariantCulture, $"Answers of '{name}' carry more than the {options.Decimals} decimals that the policy allows"))
                    {
                        Variable = name,
                        Quiet = TimeSpan.FromDays(1),
                        Score = value,
                    });
                    break;
                }
            }
        }
    }
}
