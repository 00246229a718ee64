namespace Monitoring.Detection;

/// <summary>What <see cref="IMonitor.Describe"/> may add to a finding. Everything must be a function of the log.</summary>
public sealed class FindingDetails
{
    /// <summary>One sentence for people; null keeps the runtime's.</summary>
    public string? Summary { get; set; }

    /// <summary>Variable or feature by its schema name; null keeps the runtime's.</summary>
    public string? Variable { get; set; }

    /// <summary>Kind-specific numbers for people.</summary>
    public SortedDictionary<string, double> Measures { get; } = new(StringComparer.Ordinal);

    /// <summary>Ids of contributing events, strongest first; 16 are kept. Empty: the runtime's own samples.</summary>
    public List<string> SampleEventIds { get; } = [];

    /// <summary>Clients that take part, most active first; 100 are kept.</summary>
    public List<string> Clients { get; } = [];

    /// <summary>Name, reference, observed and signed size of the effect; null keeps the runtime's.</summary>
    public (string Measure, double Reference, double Observed, double Size)? Effect { get; set; }
}
