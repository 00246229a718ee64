using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>What a new version of a model takes over from an earlier one (RUNTIME 5): the input profile. What depends on the answers it learns anew.</summary>
internal static class CarriedProfile
{
    /// <summary>Whether the inputs of the two are the same thing.</summary>
    public static bool Fits(Profile earlier, ModelDescription model) =>
        earlier.Model.Width == model.Width
        && earlier.Model.Schema.Features.Count == model.Schema.Features.Count
        && earlier.Model.Schema.Features.Zip(model.Schema.Features).All(f => f.First.Type == f.Second.Type && f.First.Width == f.Second.Width && string.Equals(f.First.Name, f.Second.Name, StringComparison.Ordinal)
            && f.First.Categories.SequenceEqual(f.Second.Categories, StringComparer.Ordinal));

    /// <summary>The earlier profile of a monitor for the variables that its monitor of the new version has: those of the answers, and new ones, without a reference.</summary>
    public static MonitorProfile Inputs(MonitorProfile earlier, IReadOnlyList<Variable> variables) => earlier with
    {
        Variables = [.. variables.Select(v => !v.OfAnswers && Find(earlier, v.Name) is { } known ? known : new VariableProfile(v.Name, null, 0, double.NaN, 0, []))],
    };

    /// <summary>The learned profile with the inputs of the earlier one; the learned one as it is where their slots differ, as one scheme must hold for all variables.</summary>
    /// <param name="learned">Fitted on the new version's traffic.</param>
    /// <param name="earlier">Of the earlier version.</param>
    /// <param name="watched">The monitors.</param>
    /// <param name="kinds">Registered kinds.</param>
    public static Profile Merge(Profile learned, Profile earlier, IReadOnlyList<WatchedMonitor> watched, MonitorKinds kinds)
    {
        if (learned.Slots != earlier.Slots && learned.Slots != SlotScheme.None)
        {
            return learned;
        }

        return learned with
        {
            Origin = $"{learned.Origin}; inputs of version {earlier.Model.Version}",
            UnitNano = earlier.UnitNano,
            SessionGapNano = Math.Max(learned.SessionGapNano, earlier.SessionGapNano),
            AutocorrelationNano = Math.Max(learned.AutocorrelationNano, earlier.AutocorrelationNano),
            Slots = earlier.Slots,
            Monitors = [.. learned.Monitors.Select(m => Merge(m, learned, earlier, watched.First(w => string.Equals(w.Name, m.Name, StringComparison.Ordinal)), kinds))],
        };
    }

    private static MonitorProfile Merge(MonitorProfile learned, Profile profile, Profile earlier, WatchedMonitor watched, MonitorKinds kinds)
    {
        var known = earlier.Monitor(learned.Name);
        if (known is null || !kinds[learned.Kind].CarriesOver || !string.Equals(known.Kind, learned.Kind, StringComparison.Ordinal) || !string.Equals(known.Options, learned.Options, StringComparison.Ordinal))
        {
            return learned;
        }

        var options = MonitorOptions.Create(kinds[learned.Kind], watched.Options);
        var variables = kinds[learned.Kind].Create(new MonitorContext(learned.Name, profile.Model, options, known.Parameters, ProfileFitter.Seed(learned.Name, profile.Model))).Variables;
        return learned with
        {
            Parameters = known.Parameters,
            Uncalibrated = known.Uncalibrated,
            Variables = [.. variables.Select((v, i) => !v.OfAnswers && Find(known, v.Name) is { } own ? own : learned.Variables[i])],
        };
    }

    private static VariableProfile? Find(MonitorProfile profile, string variable) => profile.Variables.FirstOrDefault(v => string.Equals(v.Name, variable, StringComparison.Ordinal));
}
