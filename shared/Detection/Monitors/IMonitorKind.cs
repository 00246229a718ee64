using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>
/// A kind of monitor, registered once with <c>services.AddMonitorKind&lt;T&gt;()</c>. Its name is permanent: it stands in
/// configurations, profiles and findings. A kind is a singleton without state; what it needs (ONNX sessions, say) comes through its constructor.
/// Derive from <see cref="MonitorKind{TOptions}"/> for typed options.
/// </summary>
public interface IMonitorKind
{
    /// <summary>Short, kebab-case, permanent: <c>evidence</c>, <c>query-similarity</c>.</summary>
    string Name { get; }

    /// <summary>One sentence for people: what it finds.</summary>
    string Description { get; }

    Family Family { get; }

    /// <summary>What an alarm is when the configuration does not say: harm pages, change is a ticket, record is kept.</summary>
    Severity DefaultSeverity { get; }

    /// <summary>MITRE ATLAS technique, for example <c>AML.T0024.002</c>; empty where none applies.</summary>
    string AtlasTechnique { get; }

    MonitorScope Scope { get; }

    /// <summary>
    /// Whether a new version of a model may take over the parameters and the calibration of every variable that is not <see cref="Variable.OfAnswers"/>: they depend on the inputs
    /// alone, and <see cref="Create"/> makes the same monitor whatever the seed.
    /// </summary>
    bool CarriesOver => false;

    /// <summary>A record with a parameterless constructor; properties carry defaults, DataAnnotations and [Description].</summary>
    Type OptionsType { get; }

    /// <summary>
    /// Learns the frozen parameters from clean reference data. Deterministic in its arguments: same data, options and seed give the same bytes.
    /// Throws <see cref="FitException"/> where the data cannot carry the kind (too few rows, wrong schema), with a sentence for people.
    /// </summary>
    ValueTask<FittedParameters> FitAsync(FitContext context, CancellationToken cancellationToken);

    /// <summary>Makes the monitor of one model version from frozen parameters. No I/O.</summary>
    IMonitor Create(MonitorContext context);
}
