using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary><c>pii</c>: see README.md beside this file.</summary>
internal sealed class PersonalDataKind : MonitorKind<PersonalDataOptions>
{
    public override string Name => "pii";

    public override string Description => "An answer holds personal data or a secret that the request did not: card numbers, IBANs, social security numbers, e-mail addresses, phone numbers, keys.";

    public override Family Family => Family.Leakage;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0057";

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, PersonalDataOptions options, CancellationToken cancellationToken) => ValueTask.FromResult(FittedParameters.None);

    protected override IMonitor Create(MonitorContext context, PersonalDataOptions options) => new PersonalDataMonitor(options, context.Seed);
}
