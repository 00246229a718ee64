using System.Runtime.InteropServices;

namespace Monitoring.Statistics;

/// <summary>Outcome of a test: its statistic and p-value in [0, 1].</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct TestResult(double Statistic, double PValue);
