using System.Text.Json;
using Monitoring.Hosting.Tables;

namespace Monitoring.Replay.Exchange;

/// <summary>
/// Records that KServe's logger left in a bucket: JSON (an object, or an array of them) or CSV, one request or response each, the payload in base64.
/// They become the CloudEvents that the logger would have sent over HTTP.
/// </summary>
internal static class KServeBlobs
{
    private const string TypePrefix = "org.kubeflow.serving.inference.";

    /// <summary>The record's name of each attribute.</summary>
    private static readonly (string Field, string Attribute)[] s_fields =
    [
        ("id", "id"), ("sourceUri", "source"), ("inferenceService", "inferenceservicename"), ("namespace", "namespace"), ("component", "component"),
        ("endpoint", "endpoint"), ("occurrenceTime", "time"),
    ];

    /// <summary>Files of a folder (<c>*.json</c>, <c>*.csv</c>, with sub-folders), or the file itself, in the order of their names.</summary>
    public static IReadOnlyList<string> Files(string path) => Directory.Exists(path)
        ? [.. Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Where(f => Path.GetExtension(f) is ".json" or ".csv").Order(StringComparer.Ordinal)]
        : [path];

    /// <summary>CloudEvents of a file, in structured form.</summary>
    /// <exception cref="InvalidDataException">A record departs from the logger's form.</exception>
    public static IEnumerable<Dictionary<string, object>> Read(string file)
    {
        var number = 0;
        foreach (var record in Records(file))
        {
            number++;
            yield return Event(record, $"{file}, record {number}");
        }
    }

    private static IEnumerable<IReadOnlyDictionary<string, string>> Records(string file)
    {
        if (Path.GetExtension(file) == ".csv")
        {
            var table = Table.Read(file);
            for (var row = 0; row < table.RowCount; row++)
            {
                yield return table.Columns.ToDictionary(c => c.Name, c => c.Texts is { } texts ? texts[row] ?? "" : c.Numbers![row].ToString("R", System.Globalization.CultureInfo.InvariantCulture), StringComparer.Ordinal);
            }

            yield break;
        }

        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(File.ReadAllBytes(file));
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}");
        }

        using (document)
        {
            foreach (var element in document.RootElement.ValueKind == JsonValueKind.Array ? [.. document.RootElement.EnumerateArray()] : new List<JsonElement> { document.RootElement })
            {
                if (element.ValueKind != JsonValueKind.Object)
                {
                    throw new InvalidDataException($"{file}: a record must be an object");
                }

                yield return element.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.ValueKind switch { JsonValueKind.String => p.Value.GetString()!, JsonValueKind.Null => "", _ => p.Value.GetRawText() }, StringComparer.Ordinal);
            }
        }
    }

    private static Dictionary<string, object> Event(IReadOnlyDictionary<string, string> record, string where)
    {
        var kind = record.GetValueOrDefault("reqType") ?? "";
        kind = kind.StartsWith(TypePrefix, StringComparison.Ordinal) ? kind[TypePrefix.Length..] : kind;
        if (kind is not ("request" or "response"))
        {
            throw new InvalidDataException($"{where}: reqType '{kind}' is neither request nor response");
        }

        var result = new Dictionary<string, object>(StringComparer.Ordinal) { ["specversion"] = "1.0", ["type"] = TypePrefix + kind };
        foreach (var (field, attribute) in s_fields)
        {
            if (record.GetValueOrDefault(field) is { Length: > 0 } value)
            {
                result[attribute] = value;
            }
        }

        if (!result.ContainsKey("id") || !result.ContainsKey("inferenceservicename"))
        {
            throw new InvalidDataException($"{where}: id and inferenceService are needed");
        }

        result.TryAdd("source", "kserve-blob");
        if (record.GetValueOrDefault("metadata") is { Length: > 0 } metadata)
        {
            result["metadata"] = metadata;
        }

        var bytes = record.GetValueOrDefault("bytes") ?? "";
        result["data_base64"] = Convert.TryFromBase64String(bytes, new byte[bytes.Length], out _) ? bytes : throw new InvalidDataException($"{where}: bytes is not base64");
        return result;
    }
}
