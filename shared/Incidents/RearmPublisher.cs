using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>
/// Tells the monitors of an incident that a person closed it: they are armed again from the place of the record in the log. The request is written with the closing and sent
/// at once; what the log could not take then is sent when it is back. A crash between sending and forgetting sends it twice, which arms what is armed.
/// </summary>
public sealed partial class RearmPublisher(MonitoringDatabase database, IEventLog log, LoadedConfiguration configuration, TimeProvider time, ILogger<RearmPublisher> logger)
{
    private const int Batch = 100;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);

    /// <summary>Adds the requests that follow from a closing to its transaction.</summary>
    internal static void Add(MonitoringDbContext context, Incident closed, string author, long nowUnixNano)
    {
        if (closed.Model.Length > 0 && closed.Family is not (Family.Unspecified or Family.Pipeline))
        {
            context.PendingRearms.Add(new PendingRearm { IncidentId = closed.Id, Model = closed.Model, Family = closed.Family, Client = closed.Client, Author = author, TimeUnixNano = nowUnixNano });
        }
    }

    /// <summary>Sends what waits, oldest first. Returns false when the log did not take it: it stays.</summary>
    public async Task<bool> PublishAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var waiting = await database.ReadAsync((context, token) => context.PendingRearms.OrderBy(r => r.TimeUnixNano).ThenBy(r => r.IncidentId).Take(Batch).ToListAsync(token), cancellationToken).ConfigureAwait(false);
            if (waiting.Count == 0)
            {
                return true;
            }

            var records = waiting
                .SelectMany(r => new RearmRequest(r.Model, r.Family, r.Client, r.IncidentId, r.Author).ToRecords(configuration.Value.Models.FirstOrDefault(m => m.Name == r.Model)?.Shards ?? 1, UnixNano.ToTime(r.TimeUnixNano)))
                .ToList();
            try
            {
                await log.AppendAsync(Topics.InferenceEvents, records, cancellationToken).AsTask().WaitAsync(s_limit, time, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is EventLogException or TimeoutException)
            {
                LogWaits(logger, waiting.Count, e.Message);
                return false;
            }

            var sent = waiting.ConvertAll(r => r.IncidentId);
            await database.WriteAsync((context, token) => context.PendingRearms.Where(r => sent.Contains(r.IncidentId)).ExecuteDeleteAsync(token), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends what an act could not, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await PublishAsync(cancellationToken).ConfigureAwait(false);
            await Task.Delay(s_interval, time, cancellationToken).ConfigureAwait(false);
        }
    }

    [LoggerMessage(EventId = 4301, Level = LogLevel.Warning, Message = "{Count} closed incidents: their monitors could not be told to arm again yet: {Reason}")]
    private static partial void LogWaits(ILogger logger, int count, string reason);
}
