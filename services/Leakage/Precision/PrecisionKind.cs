using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary><c>precision</c>: see README.md beside this file.</summary>
internal sealed class PrecisionKind : MonitorKind<PrecisionOptions>
{
    public override string Name => "precision";

    public override string Description => "Answers carry finer probabilities than the policy allows: each digit helps whoever copies the model or tests membership.";

    public override Family Family => Family.Leakage;

    public override Severity DefaultSeverity => Severity.Change;

    public override string AtlasTechnique => "AML.T0024";

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, PrecisionOptions options, CancellationToken cancellationToken) =>
        context.Model.Outputs.Any(o => PrecisionMonitor.IsWatched(o.Role))
            ? ValueTask.FromResult(FittedParameters.None)
            : throw new FitException($"precision needs an output of probabilities, logits or predictions; outputs here: {string.Join(", ", context.Model.Outputs.Select(o => o.Name))}");

    protected override IMonitor Create(MonitorContext context, PrecisionOptions options) => new PrecisionMonitor(context.Model, options);
}
