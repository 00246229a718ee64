using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Monitoring.Hosting;

/// <summary>Options that verbs share.</summary>
public static class VerbOptions
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) },
    };

    /// <summary><c>--json FILE</c>.</summary>
    public static Option<string?> Json() => new("--json") { Description = "Also write the result to this file, machine-readable." };

    /// <summary><c>--config FILE</c>.</summary>
    public static Option<string> Config() => new("--config") { Description = "Configuration file.", DefaultValueFactory = _ => "monitoring.yaml" };

    /// <summary>Writes the result of a verb; does nothing without a file.</summary>
    public static async Task WriteJsonAsync(string? file, object result, CancellationToken cancellationToken)
    {
        if (file is not null)
        {
            await File.WriteAllTextAsync(file, JsonSerializer.Serialize(result, s_json), cancellationToken).ConfigureAwait(false);
        }
    }
}
