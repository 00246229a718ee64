using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>Where a client may be routed: a version of the model, or its declared fallback.</summary>
public static class ControlTargets
{
    /// <summary>The model's declared <c>fallback</c>.</summary>
    public const string Fallback = "fallback";

    /// <summary>The version before the current one: the first of the model's <c>versions</c>, else its fallback. Decided when it is asked for, so that a decision names a version.</summary>
    public const string Previous = "previous";

    /// <summary>What a target is for a model: <see cref="Previous"/> resolved, anything else as it is.</summary>
    public static string Resolve(ModelConfiguration model, string target) =>
        target != Previous ? target : model.Versions.Count > 0 ? model.Versions[0].Version : Fallback;

    /// <summary>Why a model's calls cannot go to a target, with what is allowed; null where they can.</summary>
    public static string? Refuse(ModelConfiguration model, string target)
    {
        var versions = model.Versions.Select(v => v.Version).Prepend(model.Version).ToList();
        return target == Fallback
            ? model.Fallback is null ? $"model '{model.Name}' declares no fallback" : null
            : versions.Contains(target, StringComparer.Ordinal) ? null : $"model '{model.Name}' has no version '{target}'; allowed: {string.Join(", ", versions)}{(model.Fallback is null ? "" : ", fallback")}";
    }
}
