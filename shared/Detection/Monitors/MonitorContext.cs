namespace Monitoring.Detection;

/// <summary>What a monitor is made from.</summary>
/// <param name="Name">Name of the monitor in the configuration, for example <c>digits-drift</c>.</param>
/// <param name="Model">The model version it watches.</param>
/// <param name="Options">Validated instance of the kind's options.</param>
/// <param name="Parameters">Frozen bytes of <see cref="FittedParameters.Bytes"/>.</param>
/// <param name="Seed">Fixed per (monitor, model); the only source of randomness besides <see cref="RowInfo.EventHash"/>.</param>
public sealed record MonitorContext(string Name, ModelDescription Model, object Options, ReadOnlyMemory<byte> Parameters, ulong Seed);
