using System.Buffers;
using System.Text;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Leakage;

/// <summary><c>canary</c>: see README.md beside this file.</summary>
internal sealed class CanaryKind(LoadedConfiguration configuration) : MonitorKind<CanaryOptions>
{
    public override string Name => "canary";

    public override string Description => "A text that was planted in the training data appears in an answer: the model repeats what it was trained on.";

    public override Family Family => Family.Leakage;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0057";

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, CanaryOptions options, CancellationToken cancellationToken)
    {
        var file = configuration.Resolve(options.File);
        if (!File.Exists(file))
        {
            throw new FitException($"the file of canaries {file} does not exist: make it with 'canary create'");
        }

        var canaries = File.ReadAllLines(file).Select(l => l.Trim()).Where(l => l.Length > 0).Distinct(StringComparer.OrdinalIgnoreCase).ToArray();
        var weak = canaries.Where(c => CanaryMonitor.Normalise(c).Length < 8).ToArray();
        return canaries.Length == 0 ? throw new FitException($"{file} holds no canary")
            : weak.Length > 0 ? throw new FitException($"{weak.Length} canaries of {file} have fewer than eight letters and digits: they will appear by chance")
            : ValueTask.FromResult(new FittedParameters(Encoding.UTF8.GetBytes(string.Join('\n', canaries))));
    }

    protected override IMonitor Create(MonitorContext context, CanaryOptions options) =>
        new CanaryMonitor(Encoding.UTF8.GetString(context.Parameters.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries));
}
