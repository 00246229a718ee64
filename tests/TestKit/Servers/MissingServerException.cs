namespace Monitoring.TestKit.Servers;

/// <summary>
/// A server that a test needs is not installed. Skips the test (xunit.v3 knows the prefix); with <c>CI=true</c> it fails instead.
/// </summary>
public sealed class MissingServerException(string message)
    : Exception(string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.OrdinalIgnoreCase) ? message : "$XunitDynamicSkip$" + message);
