namespace Monitoring.Alerting.Receivers;

/// <summary>The destination lies inside and the receiver does not allow that. Trying again does not help.</summary>
internal sealed class AddressRefusedException(string message) : Exception(message);
