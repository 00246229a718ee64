using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Adversarial;

/// <summary><c>query-similarity</c>: see README.md beside this file.</summary>
internal sealed class QuerySimilarityKind : MonitorKind<QuerySimilarityOptions>
{
    public override string Name => "query-similarity";

    public override string Description => "Someone sends many near copies of one input, as every search for an adversarial example by queries must; over all clients together.";

    public override Family Family => Family.Adversarial;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0043.001";

    public override MonitorScope Scope => MonitorScope.Global;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, QuerySimilarityOptions options, CancellationToken cancellationToken)
    {
        if (options.Key.Length == 0)
        {
            context.Warn("query-similarity has no key of its own: set 'key' to a secret, so that nobody can compute the fingerprints");
        }

        return ValueTask.FromResult(new FittedParameters(QuerySimilarityFit.Fit(context, options, Key(options, context.Seed)).ToBytes()));
    }

    protected override IMonitor Create(MonitorContext context, QuerySimilarityOptions options) =>
        new QuerySimilarityMonitor(context.Model, options, QuerySimilarityParameters.FromBytes(context.Parameters.Span), Key(options, context.Seed));

    private static FingerprintKey Key(QuerySimilarityOptions options, ulong seed) =>
        SecretReference.TryParse(options.Key, out var secret) ? FingerprintKey.FromSecret(secret!.Read(), seed) : FingerprintKey.FromSeed(seed);
}
