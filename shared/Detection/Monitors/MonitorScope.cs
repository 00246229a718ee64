namespace Monitoring.Detection;

/// <summary>What a monitor's verdict is about.</summary>
public enum MonitorScope
{
    /// <summary>The whole traffic of one model version.</summary>
    Model,

    /// <summary>Each client of one model version; unattributed traffic is never blamed.</summary>
    Client,

    /// <summary>All clients of a model together, with one index: splitting over accounts does not help.</summary>
    Global,
}
