namespace Monitoring.Statistics;

/// <summary>A variable's part in a monitor's evidence.</summary>
/// <param name="Name">The variable.</param>
/// <param name="Share">Weight × SR of the variable over the monitor's evidence, 0 to 1; the shares sum to 1.</param>
/// <param name="LogEvidence">Natural logarithm of the variable's own SR value.</param>
/// <param name="Since">Position at which the variable's evidence began.</param>
public readonly record struct EvidenceContribution(string Name, double Share, double LogEvidence, long Since);
