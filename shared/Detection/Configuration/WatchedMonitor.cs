using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>A monitor of a model.</summary>
public sealed record WatchedMonitor
{
    /// <summary>Unique in its model.</summary>
    public required string Name { get; init; }

    /// <summary>Name of a registered <see cref="IMonitorKind"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>camelCase key → text.</summary>
    public SortedDictionary<string, string> Options { get; init; } = [];

    /// <summary>Null: the kind's.</summary>
    public Severity? Severity { get; init; }

    /// <summary>False alarms that the receiver allows per <see cref="BudgetPeriod"/>, for everything routed to it.</summary>
    public double BudgetAlarms { get; init; } = 1;

    public TimeSpan BudgetPeriod { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Part of the budget that this monitor of this model owns, in (0, 1]; all parts of a receiver sum to at most 1 (see <see cref="BudgetPlan"/>).</summary>
    public double Share { get; init; } = 1;

    /// <summary>Scored and shown; findings are records.</summary>
    public bool Muted { get; init; }
}
