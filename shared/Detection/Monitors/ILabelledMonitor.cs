namespace Monitoring.Detection;

/// <summary>A monitor that also takes true labels, in log order among the rows.</summary>
public interface ILabelledMonitor : IMonitor
{
    /// <summary>
    /// Takes one label after the rows that came before it. As <see cref="IMonitor.Apply"/>: changes state, may call <see cref="IObservationSink.Evidence"/> and <see cref="IObservationSink.Report"/> (findings then stand at the label's offset), and depends on nothing
    /// but what was applied before.
    /// </summary>
    void ApplyLabel(RowLabel label, IObservationSink sink);
}
