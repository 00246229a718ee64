using System.Globalization;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Detection;

/// <summary>A person closed an incident: its monitors are armed again, evidence from 0, from this place of the log on (RUNTIME 3).</summary>
/// <param name="Model">Model of the incident.</param>
/// <param name="Family">Family of the incident: monitors of other families are not concerned.</param>
/// <param name="Client">Sealed id of the client blamed; empty where the incident is about the model's traffic.</param>
/// <param name="Incident">Its id, for people.</param>
/// <param name="Author">Who closed it.</param>
public sealed record RearmRequest(string Model, Family Family, string Client, string Incident, string Author)
{
    /// <summary>The records that carry it into <see cref="Topics.InferenceEvents"/>: one per shard of the model, under the keys of its events.</summary>
    /// <param name="shards">Shards of the model.</param>
    /// <param name="time">When, for people; the record's place in the log is what counts.</param>
    public IReadOnlyList<LogRecord> ToRecords(int shards, DateTimeOffset time)
    {
        var records = new List<LogRecord>();
        for (var shard = 0; shard < Math.Max(1, shards); shard++)
        {
            var key = shards <= 1 ? Model : string.Create(CultureInfo.InvariantCulture, $"{Model}#{shard}");
            var id = string.Create(CultureInfo.InvariantCulture, $"rearm-{Incident}-{shard}");
            var inference = new InferenceEvent { Id = id, Model = Model, TimeUnixNano = time.ToUnixTimeMilliseconds() * 1_000_000 };
            foreach (var (name, value) in new[] { ("author", Author), ("client", Client), ("family", Family.ToString().ToLowerInvariant()), ("incident", Incident) })
            {
                inference.Attributes.Add(new Contracts.Attribute { Key = name, Value = value });
            }

            records.Add(new LogRecord(Encoding.UTF8.GetBytes(key), inference.ToByteArray(),
            [
                Header(Headers.SpecVersion, "1.0"),
                Header(Headers.Id, id),
                Header(Headers.Source, "monitoring/alerting"),
                Header(Headers.Type, EventTypes.Rearm),
                Header(Headers.Time, time.ToString("O", CultureInfo.InvariantCulture)),
                Header(Headers.Subject, Model),
                Header(Headers.ContentType, "application/protobuf"),
            ]));
        }

        return records;

        static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>Whether the record is one. Only its header says so: no caller of a model can write that.</summary>
    internal static bool Is(LogEntry entry)
    {
        for (var i = 0; i < entry.Headers.Count; i++)
        {
            if (string.Equals(entry.Headers[i].Name, Headers.Type, StringComparison.Ordinal))
            {
                return entry.Headers[i].Value.Span.SequenceEqual(s_type);
            }
        }

        return false;
    }

    internal static RearmRequest From(InferenceEvent inference)
    {
        string Attribute(string key) => inference.Attributes.FirstOrDefault(a => string.Equals(a.Key, key, StringComparison.Ordinal))?.Value ?? "";
        return new RearmRequest(
            inference.Model,
            Enum.TryParse<Family>(Attribute("family"), ignoreCase: true, out var family) ? family : Family.Unspecified,
            Attribute("client"),
            Attribute("incident"),
            Attribute("author"));
    }

    private static readonly byte[] s_type = Encoding.UTF8.GetBytes(EventTypes.Rearm);
}
