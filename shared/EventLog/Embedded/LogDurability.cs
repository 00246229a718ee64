namespace Monitoring.EventLog.Embedded;

/// <summary>What an acknowledged append survives.</summary>
public enum LogDurability
{
    /// <summary>The death of the process, <c>kill -9</c> included (SQLite <c>synchronous=NORMAL</c>). A power cut may take the last seconds.</summary>
    Process,

    /// <summary>Also a power cut: every commit is flushed to the device (<c>synchronous=FULL</c>).</summary>
    Power,
}
