namespace Monitoring.Detection;

/// <summary>A fitted profile and what <c>fit</c> says about it.</summary>
/// <param name="Profile">The candidate.</param>
/// <param name="Warnings">Sentences for people.</param>
/// <param name="ChangedWithin">Variables whose reference is not of one population: the profile should not be approved unseen.</param>
/// <param name="Failures">Monitors that could not be fitted, and why; they stay blind.</param>
public sealed record FittedProfile(Profile Profile, IReadOnlyList<string> Warnings, IReadOnlyList<string> ChangedWithin, IReadOnlyList<string> Failures);
