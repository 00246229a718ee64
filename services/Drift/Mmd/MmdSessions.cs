using Monitoring.Scoring;

namespace Monitoring.Drift;

/// <summary>The sessions of MMD's graphs: one each for all monitors of the process, loaded when first used.</summary>
public sealed class MmdSessions(ScoringRuntime runtime) : IDisposable
{
    private readonly Lazy<ScoringModel> _gram = new(() => runtime.LoadBytes("mmd-gram", MmdGraph.Gram()));
    private readonly Lazy<ScoringModel> _sums = new(() => runtime.LoadBytes("mmd-reference-sums", MmdGraph.Sums()));

    internal ScoringModel Gram => _gram.Value;

    internal ScoringModel Sums => _sums.Value;

    public void Dispose()
    {
        foreach (var model in new[] { _gram, _sums })
        {
            if (model.IsValueCreated)
            {
                model.Value.Dispose();
            }
        }
    }
}
