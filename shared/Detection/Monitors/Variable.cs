using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>What a monitor watches: a feature, an output, a component of a tensor, a score of its own.</summary>
/// <param name="Name">In the words of the schema, for example <c>departure_delay</c> or <c>output entropy</c>; unique in its monitor.</param>
public sealed record Variable(string Name)
{
    public VariableType Type { get; init; } = VariableType.Numeric;

    /// <summary>Variables are averaged within their group, then groups with equal weight: 784 pixels do not drown one class.</summary>
    public string Group { get; init; } = "";

    /// <summary>One stream per client (or other subject) instead of one for the model; the sink call names the subject.</summary>
    public bool PerSubject { get; init; }

    /// <summary>Count all rows, not only admitted draws. Only for variables whose increments stay fair under dependence, or that are themselves about repeats.</summary>
    public bool EveryRow { get; init; }

    /// <summary>Combined with the other variables of the monitor into one evidence (default), or an alarm of its own with its own share of the budget.</summary>
    public bool OwnAlarm { get; init; }

    /// <summary>Overrides the monitor's severity for alarms of this variable; only with <see cref="OwnAlarm"/>.</summary>
    public Severity? Severity { get; init; }

    public string Unit { get; init; } = "";

    /// <summary>It depends on the model's answers: a new version of the model has to learn it anew, while it keeps what was learned of the inputs (RUNTIME 5).</summary>
    public bool OfAnswers { get; init; }
}
