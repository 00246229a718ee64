namespace Monitoring.Hosting;

/// <summary>A configuration that a part of the process cannot use; the message says which key and why.</summary>
public sealed class ReloadRefusedException(string message, Exception? inner = null) : Exception(message, inner);
