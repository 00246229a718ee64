using System.Reflection;

namespace Monitoring.Hosting.Configuration;

/// <summary>How the configuration's records look in YAML, for the reference page.</summary>
public static class SettingsReflection
{
    /// <summary>Properties that can be set, in their order of declaration.</summary>
    public static IEnumerable<PropertyInfo> SettingsOf(Type type) => YamlBinder.SettingsOf(type);

    /// <summary>Name of a property in the file.</summary>
    public static string KeyOf(PropertyInfo property) => YamlBinder.KeyOf(property);

    /// <summary>Name of an enum value in the file.</summary>
    public static string NameOf(Enum value) => YamlBinder.NameOf(value);

    /// <summary>What a value of the type looks like.</summary>
    public static string Expected(Type type) => YamlBinder.Expected(type);

    /// <summary>The record behind a section or a list of sections; null for plain values.</summary>
    public static Type? SectionOf(Type type, out bool isList)
    {
        isList = YamlBinder.ListElement(type) is not null;
        var inner = YamlBinder.ListElement(type) ?? type;
        return inner.IsClass && inner.Namespace == typeof(MonitoringConfiguration).Namespace && inner != typeof(SettingsNode) && inner != typeof(SecretReference) ? inner : null;
    }
}
