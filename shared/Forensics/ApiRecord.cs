using System.Globalization;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Forensics;

/// <summary>What people and pipelines tell this installation, as CloudEvents in the log.</summary>
public static class ApiRecord
{
    /// <param name="type">CloudEvents type.</param>
    /// <param name="id">CloudEvents id.</param>
    /// <param name="model">Model that it is about, the key; empty for all.</param>
    /// <param name="unixNano">When it was true.</param>
    /// <param name="message">Payload.</param>
    /// <param name="partition">Partition; null leaves it to the key.</param>
    public static LogRecord Of(string type, string id, string model, long unixNano, IMessage message, int? partition = null) => new(
        Encoding.UTF8.GetBytes(model),
        message.ToByteArray(),
        [
            Header(Headers.SpecVersion, "1.0"),
            Header(Headers.Id, id),
            Header(Headers.Source, "monitoring/api"),
            Header(Headers.Type, type),
            Header(Headers.Time, DateTimeOffset.FromUnixTimeMilliseconds(unixNano / 1_000_000).ToString("O", CultureInfo.InvariantCulture)),
            Header(Headers.Subject, model),
            Header(Headers.ContentType, "application/protobuf"),
        ],
        partition);

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));
}
