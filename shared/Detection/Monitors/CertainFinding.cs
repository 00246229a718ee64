using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>A finding that is certain, without statistics.</summary>
/// <param name="Key">What it is about, for repeats: the same key is reported once per <see cref="Quiet"/> of log time.</param>
/// <param name="Summary">One sentence for people.</param>
public sealed record CertainFinding(string Key, string Summary)
{
    /// <summary>Log time in which the same key is not reported again.</summary>
    public TimeSpan Quiet { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Null: the monitor's severity.</summary>
    public Severity? Severity { get; init; }

    /// <summary>Client to blame; empty for none.</summary>
    public string Client { get; init; } = "";

    /// <summary>Variable or feature by its schema name.</summary>
    public string Variable { get; init; } = "";

    public double Score { get; init; } = double.NaN;

    public IReadOnlyList<(string Name, double Value)> Measures { get; init; } = [];

    /// <summary>Further event ids; the row's own event is always first.</summary>
    public IReadOnlyList<string> SampleEventIds { get; init; } = [];
}
