using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Monitoring.EventLog;

namespace Monitoring.Inference;

/// <summary>
/// A record of a source as a CloudEvent: the Kafka protocol binding of CloudEvents 1.0 in binary and structured mode, Seldon's logger, whose headers lack the
/// prefix <c>ce_</c>, and Seldon Core 2, whose topic and key say what its headers do not.
/// </summary>
/// <param name="Structured">The data is a whole event in JSON.</param>
/// <param name="Attributes">Attributes by lower-case name; empty for a structured event.</param>
/// <param name="Data">Data, or the whole event.</param>
internal sealed partial record SourceMessage(bool Structured, Dictionary<string, string> Attributes, ReadOnlyMemory<byte> Data)
{
    private const string Prefix = "ce_";
    private const string Seldon = "io.seldon.serving.";

    /// <exception cref="ProtocolException">400: none of these forms.</exception>
    public static SourceMessage Read(LogEntry entry)
    {
        var headers = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var header in entry.Headers)
        {
            headers.TryAdd(header.Name.ToLowerInvariant(), Encoding.UTF8.GetString(header.Value.Span));
        }

        var data = entry.Value ?? ReadOnlyMemory<byte>.Empty;
        var contentType = headers.GetValueOrDefault("content-type") ?? "";
        if (contentType.StartsWith("application/cloudevents", StringComparison.OrdinalIgnoreCase))
        {
            return contentType.StartsWith("application/cloudevents+json", StringComparison.OrdinalIgnoreCase) || contentType.Length == "application/cloudevents".Length
                ? new SourceMessage(true, [], data)
                : throw new ProtocolException(415, $"content type '{contentType}' is not read; application/cloudevents+json is");
        }

        if (headers.ContainsKey(Prefix + "type"))
        {
            var attributes = headers.Where(h => h.Key.StartsWith(Prefix, StringComparison.Ordinal)).ToDictionary(h => h.Key[Prefix.Length..], h => h.Value, StringComparer.Ordinal);
            if (headers.TryGetValue("traceparent", out var trace))
            {
                attributes.TryAdd("traceparent", trace);
            }

            return new SourceMessage(false, attributes, data);
        }

        if (headers.GetValueOrDefault("type")?.StartsWith(Seldon, StringComparison.Ordinal) == true)
        {
            return new SourceMessage(false, Origin(entry, headers), data);
        }

        if (SeldonTopic().Match(entry.Topic) is { Success: true } topic)
        {
            return new SourceMessage(false, SeldonCore2(entry, topic, headers), data);
        }

        throw new ProtocolException(400, "the record is no CloudEvent (headers ce_type … or content type application/cloudevents+json), and not of Seldon's logger");
    }

    /// <summary>What the form does not carry, from where the record lies: a record read twice is the same event.</summary>
    private static Dictionary<string, string> Origin(LogEntry entry, Dictionary<string, string> attributes)
    {
        attributes.TryAdd("specversion", "1.0");
        attributes.TryAdd("id", string.Create(CultureInfo.InvariantCulture, $"{entry.Topic}/{entry.Partition}/{entry.Offset}"));
        attributes.TryAdd("source", $"kafka:{entry.Topic}");
        attributes.TryAdd("time", DateTimeOffset.FromUnixTimeMilliseconds(entry.TimeUnixNano / 1_000_000).ToString("O", CultureInfo.InvariantCulture));
        return attributes;
    }

    /// <summary>Key <c>PARTITION.RESOURCE.REQUEST</c> or header <c>x-request-id</c> joins inputs and outputs; the <c>x-…</c> headers are the caller's.</summary>
    private static Dictionary<string, string> SeldonCore2(LogEntry entry, Match topic, Dictionary<string, string> headers)
    {
        var key = Encoding.UTF8.GetString(entry.Key.Span);
        var request = headers.GetValueOrDefault("x-request-id") is { Length: > 0 } header ? header : key[(key.LastIndexOf('.') + 1)..];
        var name = topic.Groups["name"].Value;
        var attributes = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["type"] = Seldon + (topic.Groups["side"].Value == "inputs" ? "inference.request" : "inference.response"),
            ["requestid"] = request,
            ["modelid"] = name,
            ["inferenceservicename"] = name,
            ["namespace"] = topic.Groups["namespace"].Value,
            ["metadata"] = JsonSerializer.Serialize(headers.Where(h => h.Key.StartsWith("x-", StringComparison.Ordinal)).ToDictionary(h => h.Key, h => new[] { h.Value }, StringComparer.Ordinal)),
        };
        if (headers.TryGetValue("traceparent", out var trace))
        {
            attributes["traceparent"] = trace;
        }

        return Origin(entry, attributes);
    }

    [GeneratedRegex("^[^.]+(?:\\.[^.]+)*\\.(?<namespace>[^.]+)\\.model\\.(?<name>.+)\\.(?<side>inputs|outputs)$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SeldonTopic();
}
