namespace Monitoring.Detection;

/// <summary>An alarm on its way to become a finding.</summary>
/// <param name="Rows">Batch being applied.</param>
/// <param name="Row">Row that crossed the level.</param>
/// <param name="Subject">Client, lineage or other subject; empty for the model.</param>
/// <param name="Variable">Index of the variable with the most evidence; -1 for absolute evidence.</param>
/// <param name="LogEvidence">ln of the evidence.</param>
/// <param name="LogLevel">ln of the level.</param>
public sealed record AlarmContext(RowBatch Rows, int Row, string Subject, int Variable, double LogEvidence, double LogLevel);
