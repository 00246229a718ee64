using System.Reflection;
using System.Text.Json;

namespace Monitoring.Hosting.Configuration;

/// <summary>Which keys differ between two configurations: <c>api.keys</c>, <c>models[digits].onnx</c>, <c>models[new]</c>.</summary>
internal static class ConfigurationDifference
{
    public static IReadOnlyList<string> Between(MonitoringConfiguration before, MonitoringConfiguration after)
    {
        var keys = new List<string>();
        foreach (var property in YamlBinder.SettingsOf(typeof(MonitoringConfiguration)).Where(p => p.Name != nameof(MonitoringConfiguration.Models)))
        {
            Compare(property, before, after, YamlBinder.KeyOf(property), keys);
        }

        foreach (var name in before.Models.Concat(after.Models).Select(m => m.Name).Distinct(StringComparer.Ordinal))
        {
            var (old, now) = (before.Models.FirstOrDefault(m => m.Name == name), after.Models.FirstOrDefault(m => m.Name == name));
            if (old is null || now is null)
            {
                keys.Add($"models[{name}]");
                keys.Add($"models[{name}].monitors");
                continue;
            }

            foreach (var property in YamlBinder.SettingsOf(typeof(ModelConfiguration)).Where(p => !AreEqual(p.PropertyType, p.GetValue(old), p.GetValue(now))))
            {
                keys.Add($"models[{name}].{YamlBinder.KeyOf(property)}");
            }
        }

        return keys;
    }

    /// <summary>Whether a key as found here is one of (or below one of) the paths that somebody can take; <c>models[]</c> is the coming and going of models alone.</summary>
    public static bool IsCovered(string key, IEnumerable<string> paths)
    {
        var open = key.IndexOf('[', StringComparison.Ordinal);
        var general = open < 0 ? key : key[..open] + "[]" + key[(key.IndexOf(']', StringComparison.Ordinal) + 1)..];
        return paths.Any(p => general == p || (!p.EndsWith(']') && general.StartsWith(p + ".", StringComparison.Ordinal)));
    }

    public static bool AreEqual(Type type, object? before, object? after) => JsonSerializer.Serialize(before, type) == JsonSerializer.Serialize(after, type);

    /// <summary>Sections are compared key by key, everything else whole.</summary>
    private static void Compare(PropertyInfo property, object before, object after, string path, List<string> keys)
    {
        var (old, now) = (property.GetValue(before), property.GetValue(after));
        if (AreEqual(property.PropertyType, old, now))
        {
            return;
        }

        var isSection = property.PropertyType.Namespace == typeof(MonitoringConfiguration).Namespace && property.PropertyType.Name.EndsWith("Configuration", StringComparison.Ordinal);
        if (!isSection || old is null || now is null)
        {
            keys.Add(path);
            return;
        }

        foreach (var inner in YamlBinder.SettingsOf(property.PropertyType))
        {
            Compare(inner, old, now, $"{path}.{YamlBinder.KeyOf(inner)}", keys);
        }
    }
}
