using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using YamlDotNet.RepresentationModel;

namespace Monitoring.Hosting.Configuration;

/// <summary>
/// Binds YAML to immutable records. Strict: an unknown key, a wrong type, a value out of range or a missing required key is an
/// error with its line and the allowed values; binding goes on, so that one run reports all of them.
/// </summary>
internal sealed class YamlBinder(string file, ICollection<ConfigurationError> errors)
{
    /// <summary>Name of a property in the file.</summary>
    public static string KeyOf(PropertyInfo property) => JsonNamingPolicy.CamelCase.ConvertName(property.Name);

    /// <summary>Name of an enum value in the file: kebab-case.</summary>
    public static string NameOf(Enum value) => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());

    /// <summary>Properties that can be set, in their order of declaration.</summary>
    public static IEnumerable<PropertyInfo> SettingsOf(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true });

    public object Bind(YamlNode? node, Type type, string path)
    {
        var result = Activator.CreateInstance(type)!;
        var given = new HashSet<string>(StringComparer.Ordinal);
        if (node is YamlMappingNode mapping)
        {
            var properties = SettingsOf(type).ToDictionary(KeyOf, StringComparer.Ordinal);
            foreach (var (keyNode, valueNode) in mapping.Children)
            {
                var key = ((YamlScalarNode)keyNode).Value ?? "";
                if (!properties.TryGetValue(key, out var property))
                {
                    Add(keyNode, Join(path, key), $"unknown key; allowed: {string.Join(", ", properties.Keys.Order(StringComparer.Ordinal))}");
                    continue;
                }

                given.Add(key);
                var before = errors.Count;
                var value = Convert(valueNode, property.PropertyType, Join(path, key));
                if (value is not null)
                {
                    property.SetValue(result, value);
                }

                if (errors.Count == before)
                {
                    Validate(property, value, valueNode, result, Join(path, key));
                }
            }
        }
        else if (node is not null && !IsNull(node))
        {
            Add(node, path, "expected a mapping of keys to values");
        }

        foreach (var property in SettingsOf(type).Where(p => !given.Contains(KeyOf(p)) && p.GetCustomAttribute<RequiredAttribute>() is not null))
        {
            Add(node, Join(path, KeyOf(property)), "required key is missing");
        }

        return result;
    }

    private static string Join(string path, string key) => path.Length == 0 ? key : $"{path}.{key}";

    private static bool IsNull(YamlNode node) => node is YamlScalarNode { Style: YamlDotNet.Core.ScalarStyle.Plain, Value: null or "" or "null" or "~" };

    private void Validate(PropertyInfo property, object? value, YamlNode node, object instance, string path)
    {
        foreach (var attribute in property.GetCustomAttributes<ValidationAttribute>())
        {
            var context = new ValidationContext(instance) { MemberName = property.Name, DisplayName = KeyOf(property) };
            var checkedValue = value is TimeSpan or ByteSize ? value.ToString() : value;
            if (attribute is RangeAttribute && value is TimeSpan span)
            {
                checkedValue = span;
            }

            if (attribute.GetValidationResult(checkedValue, context) is { } failure)
            {
                Add(node, path, Describe(attribute) ?? failure.ErrorMessage ?? "not valid");
            }
        }
    }

    private static string? Describe(ValidationAttribute attribute) => attribute switch
    {
        RangeAttribute range => string.Create(CultureInfo.InvariantCulture, $"out of range; allowed: {range.Minimum} to {range.Maximum}"),
        AllowedValuesAttribute allowed => $"not allowed; allowed: {string.Join(", ", allowed.Values)}",
        RegularExpressionAttribute pattern => pattern.ErrorMessage ?? $"must match {pattern.Pattern}",
        _ => null,
    };

    private object? Convert(YamlNode node, Type type, string path)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(SettingsNode))
        {
            if (IsNull(node))
            {
                return SettingsNode.Empty;
            }

            var settings = SettingsNode.From(node);
            if (settings is null)
            {
                Add(node, path, "expected a mapping of keys to values or lists of values");
            }

            return settings;
        }

        if (IsNull(node))
        {
            return null;
        }

        if (DictionaryValue(type) is { } dictionaryValue)
        {
            return ConvertDictionary(node, dictionaryValue, path);
        }

        if (ListElement(type) is { } element)
        {
            return ConvertList(node, element, path);
        }

        if (IsScalar(type))
        {
            if (node is not YamlScalarNode scalar)
            {
                Add(node, path, $"expected {Expected(type)}");
                return null;
            }

            return ConvertScalar(scalar, type, path);
        }

        return Bind(node, type, path);
    }

    private IList ConvertList(YamlNode node, Type element, string path)
    {
        var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element))!;

        // A single value where a list is expected is the list of that one.
        if (node is YamlScalarNode)
        {
            if (Convert(node, element, path) is { } single)
            {
                list.Add(single);
            }

            return list;
        }

        if (node is not YamlSequenceNode sequence)
        {
            Add(node, path, "expected a list");
            return list;
        }

        for (var i = 0; i < sequence.Children.Count; i++)
        {
            if (Convert(sequence.Children[i], element, string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]")) is { } item)
            {
                list.Add(item);
            }
        }

        return list;
    }

    private IDictionary ConvertDictionary(YamlNode node, Type valueType, string path)
    {
        var dictionary = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(string), valueType))!;
        if (node is not YamlMappingNode mapping)
        {
            Add(node, path, "expected a mapping of keys to values");
            return dictionary;
        }

        foreach (var (keyNode, valueNode) in mapping.Children)
        {
            var key = ((YamlScalarNode)keyNode).Value ?? "";
            if (Convert(valueNode, valueType, Join(path, key)) is { } value)
            {
                dictionary.Add(key, value);
            }
        }

        return dictionary;
    }

    private object? ConvertScalar(YamlScalarNode node, Type type, string path)
    {
        var text = node.Value ?? "";
        if (type == typeof(string))
        {
            return text;
        }

        if (type.IsEnum)
        {
            foreach (Enum value in Enum.GetValues(type))
            {
                if (NameOf(value) == text)
                {
                    return value;
                }
            }
        }
        else if (type == typeof(bool) && text is "true" or "false")
        {
            return text == "true";
        }
        else if (type == typeof(int) && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var int32))
        {
            return int32;
        }
        else if (type == typeof(long) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var int64))
        {
            return int64;
        }
        else if (type == typeof(ulong) && ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var uint64))
        {
            return uint64;
        }
        else if (type == typeof(double) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number))
        {
            return number;
        }
        else if (type == typeof(float) && float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var single) && float.IsFinite(single))
        {
            return single;
        }
        else if (type == typeof(TimeSpan) && Duration.TryParse(text, out var duration))
        {
            return duration;
        }
        else if (type == typeof(ByteSize) && ByteSize.TryParse(text, out var size))
        {
            return size;
        }
        else if (type == typeof(FalseAlarmRate) && FalseAlarmRate.TryParse(text, out var rate))
        {
            return rate;
        }
        else if (type == typeof(SecretReference))
        {
            // Never echo the text: it may be the secret itself.
            if (SecretReference.TryParse(text, out var secret))
            {
                return secret;
            }

            Add(node, path, "expected env:NAME or file:PATH; a secret is never written here");
            return null;
        }
        else if (type == typeof(Uri) && Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
        {
            return new Uri(text);
        }

        Add(node, path, $"'{Shorten(text)}' is not {Expected(type)}");
        return null;
    }

    private static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "…";

    private static bool IsScalar(Type type) =>
        type.IsEnum || type.IsPrimitive || type == typeof(string) || type == typeof(TimeSpan) || type == typeof(ByteSize)
        || type == typeof(FalseAlarmRate) || type == typeof(SecretReference) || type == typeof(Uri);

    /// <summary>What a value of the type looks like, for messages and the reference page.</summary>
    public static string Expected(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type switch
        {
            _ when type.IsEnum => "one of " + string.Join(", ", Enum.GetValues(type).Cast<Enum>().Select(NameOf)),
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(int) || type == typeof(long) || type == typeof(ulong) => "a whole number",
            _ when type == typeof(double) || type == typeof(float) => "a number",
            _ when type == typeof(TimeSpan) => "a duration with its unit, as 250ms, 30s, 5m, 12h or 30d",
            _ when type == typeof(ByteSize) => "a size with its unit, as 512KiB, 256MiB or 50GiB",
            _ when type == typeof(FalseAlarmRate) => "a rate, as 1 per 30d",
            _ when type == typeof(SecretReference) => "env:NAME or file:PATH",
            _ when type == typeof(Uri) => "an http or https address",
            _ when DictionaryValue(type) is { } value => $"a mapping of names to {Expected(value)}",
            _ when ListElement(type) is { } element => $"a list of {Expected(element)}",
            _ when type == typeof(string) => "text",
            _ => "a mapping",
        };
    }

    internal static Type? ListElement(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;

    internal static Type? DictionaryValue(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>) ? type.GetGenericArguments()[1] : null;

    private void Add(YamlNode? node, string path, string message) =>
        errors.Add(new ConfigurationError(file, (int)(node?.Start.Line ?? 0), path.Length == 0 ? "(root)" : path, message));
}
