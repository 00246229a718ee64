namespace Monitoring.Detection;

/// <summary>How the sink is fed.</summary>
public enum VariableType
{
    /// <summary><see cref="IObservationSink.Observe"/> with a number; NaN is missing: time passes, nothing is bet (missingness is a variable of its own).</summary>
    Numeric,

    /// <summary><see cref="IObservationSink.Observe"/> with an integer code ≥ 0 of a category; NaN is missing.</summary>
    Categorical,

    /// <summary><see cref="IObservationSink.Bet"/>: the monitor computes its own e-increments.</summary>
    Bet,
}
