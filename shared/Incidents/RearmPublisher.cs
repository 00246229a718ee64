using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>
/// Tells the monitors of an incident that a person closed it: they are armed again from the place of the record in the log. A log that is away loses the request, which is
/// logged: the monitor then re-arms by itself once the evidence has calmed down.
/// </summary>
public sealed partial class RearmPublisher(IEventLog log, LoadedConfiguration configuration, TimeProvider time, ILogger<RearmPublisher> logger)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);

    public async Task PublishAsync(IReadOnlyList<Incident> closed, string author, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var records = closed
            .Where(i => i.Model.Length > 0 && i.Family is not (Family.Unspecified or Family.Pipeline))
            .SelectMany(i => new RearmRequest(i.Model, i.Family, i.Client, i.Id, author).ToRecords(configuration.Value.Models.FirstOrDefault(m => m.Name == i.Model)?.Shards ?? 1, now))
            .ToList();
        if (records.Count == 0)
        {
            return;
        }

        try
        {
            await log.AppendAsync(Topics.InferenceEvents, records, cancellationToken).AsTask().WaitAsync(s_limit, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is EventLogException or TimeoutException)
        {
            LogLost(logger, closed[0].Id, e.Message);
        }
    }

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning, Message = "Incident {Incident} was closed, but its monitors could not be told to arm again: {Reason}")]
    private static partial void LogLost(ILogger logger, string incident, string reason);
}
