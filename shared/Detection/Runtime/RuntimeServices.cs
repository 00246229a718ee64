namespace Monitoring.Detection;

/// <summary>What the runtime of a model needs from outside.</summary>
internal sealed record RuntimeServices(MonitorKinds Kinds, ProfileFitter Fitter, ProfileStore Profiles, BuildIdentity Build);
