using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>adwin</c>; see README.md beside it.</summary>
public sealed class AdwinKind : CrossingKind<AdwinOptions>
{
    public override string Name => "adwin";

    public override string Description => "The mean of a loss, a score or a column moved (adaptive windows).";

    private protected override ISequentialDetector CreateDetector(AdwinOptions options) => new Adwin(options.Delta, WatchedStream.Stride);
}
