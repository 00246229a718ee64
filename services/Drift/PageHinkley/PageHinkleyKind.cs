using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>page-hinkley</c>; see README.md beside it.</summary>
public sealed class PageHinkleyKind : CrossingKind<PageHinkleyOptions>
{
    public override string Name => "page-hinkley";

    public override string Description => "The mean of a loss, a score or a column moved (cumulative sums).";

    private protected override ISequentialDetector CreateDetector(PageHinkleyOptions options) =>
        new PageHinkley(1, options.Delta, options.Threshold, options.Alpha, options.Direction);
}
