using System.Globalization;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Alerting.Tests;

/// <summary>Findings as monitors make them.</summary>
internal static class Findings
{
    public static Finding Make(
        long offset,
        string model = "digits",
        string client = "",
        Family family = Family.Extraction,
        Severity severity = Severity.Harm,
        DateTimeOffset? at = null,
        int ordinal = 0,
        int partition = 0,
        string group = "extraction",
        string monitor = "hardness",
        string summary = "")
    {
        var time = UnixNano.Of(at ?? TimeProvider.System.GetUtcNow());
        return new Finding
        {
            Id = string.Create(CultureInfo.InvariantCulture, $"{group}-{partition}-{offset}-{ordinal}"),
            Position = new Position { Group = group, InputTopic = Topics.InferenceEvents, InputPartition = partition, InputOffset = offset, Ordinal = ordinal },
            Monitor = monitor,
            Kind = monitor,
            Family = family,
            Severity = severity,
            Model = model,
            ModelVersion = "1",
            Client = client,
            Events = 100 + offset,
            SinceUnixNano = time - (60 * UnixNano.PerSecond),
            TimeUnixNano = time,
            Coverage = 1,
            Summary = summary,
        };
    }

    public static LogRecord Record(Finding finding) => new(
        Encoding.UTF8.GetBytes(finding.Model),
        finding.ToByteArray(),
        [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(finding.Id)), new LogHeader(Headers.Type, Encoding.UTF8.GetBytes(EventTypes.Finding))]);
}
