using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace Monitoring.Detection;

/// <summary>Makes a kind's options from text (a configuration section, <c>--option k=v</c>) and says everything that is wrong at once.</summary>
public static class MonitorOptions
{
    /// <summary>An instance with defaults for what is not named.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="values">camelCase key → text. Lists are comma-separated.</param>
    /// <exception cref="MonitorOptionsException">Unknown keys, unreadable values or values out of range: all of them.</exception>
    public static object Create(IMonitorKind kind, IReadOnlyDictionary<string, string>? values = null)
    {
        var errors = new List<string>();
        var options = Activator.CreateInstance(kind.OptionsType)
            ?? throw new InvalidOperationException($"{kind.OptionsType} has no parameterless constructor");
        var properties = Describe(kind.OptionsType).ToDictionary(p => p.Key, p => p.Property, StringComparer.Ordinal);
        foreach (var (key, text) in (values ?? new Dictionary<string, string>(StringComparer.Ordinal)).OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (!properties.TryGetValue(key, out var property))
            {
                errors.Add($"kind '{kind.Name}' has no option '{key}'; allowed: {string.Join(", ", properties.Keys.Order(StringComparer.Ordinal))}");
                continue;
            }

            try
            {
                property.SetValue(options, Parse(property.PropertyType, text));
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentException)
            {
                errors.Add($"option '{key}' of kind '{kind.Name}': '{text}' is not {Expected(property.PropertyType)}");
            }
        }

        var results = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true))
        {
            errors.AddRange(results.Select(r =>
                $"option '{string.Join(", ", r.MemberNames.Select(CamelCase))}' of kind '{kind.Name}': {r.ErrorMessage}"));
        }

        return errors.Count == 0 ? options : throw new MonitorOptionsException(errors);
    }

    /// <summary>The options of a type for reference pages: key, property, description and default.</summary>
    public static IReadOnlyList<MonitorOption> Describe(Type optionsType)
    {
        var defaults = Activator.CreateInstance(optionsType);
        return [.. optionsType.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanWrite && !string.Equals(p.Name, "EqualityContract", StringComparison.Ordinal))
            .OrderBy(p => p.MetadataToken)
            .Select(p => new MonitorOption(CamelCase(p.Name), p, p.GetCustomAttribute<DescriptionAttribute>()?.Description ?? "", Show(p.GetValue(defaults))))];
    }

    /// <summary>The options as <c>key=value</c> lines in the order of their keys: what a profile hashes.</summary>
    public static string Canonical(object options) =>
        string.Join('\n', Describe(options.GetType()).OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={Show(o.Property.GetValue(options))}"));

    private static string Show(object? value) => value switch
    {
        null => "",
        string text => text,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        System.Collections.IEnumerable list => string.Join(',', list.Cast<object?>().Select(Show)),
        _ => value.ToString() ?? "",
    };

    private static object? Parse(Type type, string text)
    {
        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return text.Length == 0 ? null : Parse(underlying, text);
        }

        if (type == typeof(string))
        {
            return text;
        }

        if (type == typeof(TimeSpan))
        {
            return Durations.Parse(text);
        }

        if (type == typeof(bool))
        {
            return bool.Parse(text);
        }

        if (type.IsEnum)
        {
            var name = text.Replace("-", "", StringComparison.Ordinal);
            return Enum.TryParse(type, name, ignoreCase: true, out var value) && Enum.IsDefined(type, value!) ? value : throw new FormatException();
        }

        var element = type.IsArray ? type.GetElementType()! : type.IsGenericType ? type.GetGenericArguments()[0] : null;
        if (element is not null && type.IsAssignableFrom(element.MakeArrayType()))
        {
            var parts = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            var array = Array.CreateInstance(element, parts.Length);
            for (var i = 0; i < parts.Length; i++)
            {
                array.SetValue(Parse(element, parts[i]), i);
            }

            return array;
        }

        return Convert.ChangeType(text, type, CultureInfo.InvariantCulture);
    }

    private static string Expected(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain.IsEnum ? "one of " + string.Join(", ", Enum.GetNames(plain).Select(CamelCase))
            : plain == typeof(TimeSpan) ? "a duration such as 30s, 5m, 2h or 7d"
            : plain == typeof(bool) ? "true or false"
            : plain == typeof(int) || plain == typeof(long) ? "a whole number"
            : plain == typeof(double) || plain == typeof(float) ? "a number"
            : "a " + plain.Name;
    }

    private static string CamelCase(string name) => char.ToLowerInvariant(name[0]) + name[1..];
}
