namespace Monitoring.Detection;

/// <summary>A fitted profile and what <c>fit</c> says about it.</summary>
/// <param name="Profile">The candidate.</param>
/// <param name="Warnings">Sentences for people.</param>
/// <param name="ChangedWithin">Variables whose reference is not of one population: the profile should not be approved unseen.</param>
/// <param name="Failures">Monitors that could not be fitted, and why; they stay blind.</param>
/// <param name="Reach">The smallest change that each monitor can prove.</param>
public sealed record FittedProfile(Profile Profile, IReadOnlyList<string> Warnings, IReadOnlyList<string> ChangedWithin, IReadOnlyList<string> Failures, IReadOnlyList<MonitorReach> Reach);

/// <summary>The smallest lasting change of a monitor's weakest variable that the reference can ever prove at its budget.</summary>
/// <param name="Monitor">Monitor.</param>
/// <param name="Variable">The variable with the fewest clean values.</param>
/// <param name="Shift">In standard deviations; +∞ where even four are out of reach.</param>
/// <param name="Draws">Draws after which it is expected to be found.</param>
public sealed record MonitorReach(string Monitor, string Variable, double Shift, double Draws);
