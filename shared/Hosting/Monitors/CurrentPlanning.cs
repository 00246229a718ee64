namespace Monitoring.Hosting;

/// <summary>The planning in use: the one of the start, or what a reload put in its place.</summary>
/// <param name="started">As of the start.</param>
public sealed class CurrentPlanning(MonitorPlanning started)
{
    private MonitorPlanning _value = started;

    public MonitorPlanning Value
    {
        get => Volatile.Read(ref _value);
        internal set => Volatile.Write(ref _value, value);
    }
}
