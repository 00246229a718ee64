using Microsoft.Extensions.Logging;
using Monitoring.Alerting.Pipeline;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Alerting.Delivery;

/// <summary>
/// The first finding would pay for the making of every query and the compiling of every stage, just when somebody waits for it. So one is worked off at the start, on the same way
/// and in a transaction that is taken back, and a message that does not exist is carried to each lane. Nobody is called, nothing is kept.
/// </summary>
internal sealed partial class Rehearsal(MonitoringDatabase database, FindingInjector injector, DeliveryWorker worker, NotificationBus bus, TimeProvider time, ILogger<Rehearsal> logger)
{
    private const string Name = "rehearsal";

    public async Task RunAsync(IReadOnlyList<ReceiverLane> lanes, CancellationToken cancellationToken)
    {
        try
        {
            await WorkOffAsync(cancellationToken).ConfigureAwait(false);
            await worker.RehearseAsync(Name).ConfigureAwait(false);
            foreach (var lane in lanes)
            {
                await bus.SendAsync(lane, Name, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // What is broken shows where it matters.
            LogFailed(e);
        }
    }

    private async Task WorkOffAsync(CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var finding = new Finding { Id = Name, Monitor = Name, Kind = Name, Family = Family.Pipeline, Severity = Severity.Harm, Model = Name, TimeUnixNano = now, SinceUnixNano = now };
        try
        {
            await database.WriteAsync(
                async (context, token) =>
                {
                    var batch = await IncidentBatch.LoadAsync(context, [finding], now, token).ConfigureAwait(false);
                    var alert = new AlertContext(finding, now, batch);
                    foreach (var stage in injector.Stages)
                    {
                        await stage.ApplyAsync(alert, token).ConfigureAwait(false);
                    }

                    await context.SaveChangesAsync(token).ConfigureAwait(false);
                    throw new TakenBackException();
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (TakenBackException)
        {
            // As it was meant.
        }
    }

    [LoggerMessage(EventId = 7105, Level = LogLevel.Warning, Message = "the rehearsal of the way of a finding failed; the first finding takes longer")]
    private partial void LogFailed(Exception exception);

    private sealed class TakenBackException : Exception;
}
