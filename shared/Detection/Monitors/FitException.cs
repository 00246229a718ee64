namespace Monitoring.Detection;

/// <summary>The reference data cannot carry the monitor; the message says why and what would.</summary>
public sealed class FitException(string message) : Exception(message);
