namespace Monitoring.WebConsole.Samples;

/// <summary>Mean of a feature over stretches of log time; NaN where a stretch had no event.</summary>
/// <param name="FromUnixNano">Start of the first stretch.</param>
/// <param name="ToUnixNano">End of the last.</param>
/// <param name="SinceUnixNano">When the incident's evidence began.</param>
/// <param name="Means">One mean per stretch, all of the same length.</param>
internal sealed record FeatureCurve(long FromUnixNano, long ToUnixNano, long SinceUnixNano, IReadOnlyList<double> Means);
