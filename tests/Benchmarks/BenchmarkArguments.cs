using System.Text.Json;

namespace Monitoring.Benchmarks;

/// <summary>Options of a suite: <c>--name value</c> pairs.</summary>
internal sealed class BenchmarkArguments
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };
    private readonly Dictionary<string, string> _options = new(StringComparer.Ordinal);

    public string this[string name, string defaultValue] => _options.GetValueOrDefault(name, defaultValue);

    public static BenchmarkArguments Parse(ReadOnlySpan<string> args)
    {
        var result = new BenchmarkArguments();
        for (var i = 0; i < args.Length; i += 2)
        {
            if (!args[i].StartsWith("--", StringComparison.Ordinal) || i + 1 >= args.Length)
            {
                throw new ArgumentException($"expected '--option value', found '{args[i]}'");
            }

            result._options[args[i][2..]] = args[i + 1];
        }

        return result;
    }

    /// <summary>Prints the result, and writes it to the file named by <c>--json</c>.</summary>
    public async Task WriteAsync(object result)
    {
        var text = JsonSerializer.Serialize(result, s_json);
        Console.WriteLine(text);
        if (_options.TryGetValue("json", out var file))
        {
            await File.WriteAllTextAsync(file, text).ConfigureAwait(false);
        }
    }
}
