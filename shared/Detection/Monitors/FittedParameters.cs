namespace Monitoring.Detection;

/// <summary>What <see cref="IMonitorKind.FitAsync"/> returns.</summary>
/// <param name="Bytes">Frozen parameters in a canonical, versioned form of the kind's own; part of the profile and of its hash.</param>
/// <param name="Calibration">
/// Observations to calibrate the monitor's variables with. Null (the usual case): the runtime runs the fitted monitor over
/// <see cref="ReferenceData.Calibration"/>, which fitting must not have used. Set by kinds that calibrate by leave-one-out over the whole reference.
/// </param>
public sealed record FittedParameters(ReadOnlyMemory<byte> Bytes, IReadOnlyList<CalibrationColumn>? Calibration = null)
{
    /// <summary>For kinds that learn nothing beyond the calibration of their variables.</summary>
    public static FittedParameters None { get; } = new(ReadOnlyMemory<byte>.Empty);
}

/// <summary>Clean observations of one variable.</summary>
/// <param name="Variable">Index into <see cref="IMonitor.Variables"/>.</param>
/// <param name="Rows">Index of each observation's row in <see cref="ReferenceData.All"/>: gives its time, slot and client.</param>
/// <param name="Values">The observations, as long as <paramref name="Rows"/>.</param>
public sealed record CalibrationColumn(int Variable, IReadOnlyList<int> Rows, IReadOnlyList<double> Values);
