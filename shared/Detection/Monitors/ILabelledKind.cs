namespace Monitoring.Detection;

/// <summary>A kind whose monitors take true labels (<see cref="ILabelledMonitor"/>): feedback of a model is relayed to its calls when it has one of these.</summary>
public interface ILabelledKind : IMonitorKind;
