namespace Monitoring.Detection;

/// <summary>State of a monitor as people see it (RUNTIME 3); the numbers are the values of the metric.</summary>
public enum MonitorState
{
    /// <summary>No profile that fits, or it cannot be fitted.</summary>
    Blind = 0,

    /// <summary>The profile is being learned from traffic, or waits for approval.</summary>
    Learning = 1,

    Armed = 2,

    Alarmed = 3,

    /// <summary>The reference cannot carry it, or never covered what is seen now; shown, never paged.</summary>
    Uncalibrated = 4,

    /// <summary>Muted by configuration.</summary>
    Muted = 5,
}
