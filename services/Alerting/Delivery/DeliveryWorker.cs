using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Receivers;
using Monitoring.Storage;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace Monitoring.Alerting.Delivery;

/// <summary>
/// Sends one outbox row: claims it in the database, calls the receiver, writes the outcome. A process that dies between claim
/// and outcome leaves the row marked as on its way; whoever finds it sends it again under the same id, as uncertain.
/// </summary>
internal sealed partial class DeliveryWorker(
    MonitoringDatabase database,
    AlertingSettings settings,
    AlertingMetrics metrics,
    OutboxSignal signal,
    TimeProvider time,
    ILogger<DeliveryWorker> logger)
{
    public async Task DeliverAsync(ReceiverLane lane, string id, CancellationToken cancellationToken)
    {
        try
        {
            // Before the claim: a row that waits for its turn is not on its way.
            await lane.PaceAsync(cancellationToken).ConfigureAwait(false);
            if (await ClaimAsync(lane, id).ConfigureAwait(false) is { } row)
            {
                var (result, attempted, unanswered) = await SendAsync(lane, row, cancellationToken).ConfigureAwait(false);
                await FinishAsync(lane, row, result, attempted, unanswered).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The row keeps its lease and is found again when that ends.
            LogDeliveryBroken(id, lane.Name, e);
        }
        finally
        {
            lane.Outstanding.TryRemove(id, out _);
            signal.Set();
        }
    }

    /// <summary>
    /// Rows that a dead process left on their way. All of this instance's at the start; later those whose lease ended.
    /// </summary>
    /// <returns>How many, per receiver.</returns>
    public async Task<IReadOnlyDictionary<string, int>> RecoverAsync(bool atStart, CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var found = await database.WriteAsync(
            async (context, token) =>
            {
                var rows = await context.Notifications
                    .Where(n => n.State == NotificationState.Sending && ((atStart && n.Sender == settings.Instance) || n.LeaseUntilUnixNano < now))
                    .ToListAsync(token).ConfigureAwait(false);
                foreach (var row in rows)
                {
                    row.State = NotificationState.Pending;
                    row.Uncertain = true;
                    row.NextAttemptUnixNano = now;
                    row.Detail = "the sender died while sending: the receiver may have got it";
                }

                return rows.GroupBy(r => r.Receiver, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
            },
            cancellationToken).ConfigureAwait(false);
        foreach (var (receiver, count) in found)
        {
            metrics.Uncertain(receiver, "crash", count);
            LogUncertain(count, receiver);
        }

        return found;
    }

    /// <summary>The clock was set back: every message that waits is due now. At worst it is tried once too early.</summary>
    public async Task AdvanceAsync(CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var count = await database.WriteAsync(
            (context, token) => context.Notifications
                .Where(n => n.State == NotificationState.Pending && n.NextAttemptUnixNano > now)
                .ExecuteUpdateAsync(set => set.SetProperty(n => n.NextAttemptUnixNano, now), token),
            cancellationToken).ConfigureAwait(false);
        LogClock(count);
    }

    private async Task<OutboxNotification?> ClaimAsync(ReceiverLane lane, string id)
    {
        var now = UnixNano.Now(time);
        return await database.WriteTogetherAsync(
            async (context, token) =>
            {
                var row = await context.Notifications.FirstOrDefaultAsync(n => n.Id == id && n.State == NotificationState.Pending && n.NextAttemptUnixNano <= now, token).ConfigureAwait(false);
                if (row is null || await HasEarlierAsync(context, row, token).ConfigureAwait(false))
                {
                    return null;
                }

                // The condition in the update decides between two processes that read the same row.
                var claimed = await context.Notifications
                    .Where(n => n.Id == id && n.State == NotificationState.Pending)
                    .ExecuteUpdateAsync(
                        set => set
                            .SetProperty(n => n.State, NotificationState.Sending)
                            .SetProperty(n => n.Sender, settings.Instance)
                            .SetProperty(n => n.Attempts, n => n.Attempts + 1)
                            .SetProperty(n => n.LeaseUntilUnixNano, now + UnixNano.Span(lane.Lease)),
                        token).ConfigureAwait(false);
                row.Attempts++;
                context.Entry(row).State = EntityState.Detached;
                return claimed == 1 ? row : null;
            }).ConfigureAwait(false);
    }

    /// <summary>Order per incident: an earlier message to the same receiver goes first, unless it was given up.</summary>
    private static Task<bool> HasEarlierAsync(MonitoringDbContext context, OutboxNotification row, CancellationToken cancellationToken) =>
        context.Notifications.AnyAsync(
            n => n.Subject == row.Subject && n.Receiver == row.Receiver && n.Sequence < row.Sequence
                && (n.State == NotificationState.Pending || n.State == NotificationState.Sending),
            cancellationToken);

    /// <summary>Calls the receiver through its pipeline. <c>Attempted</c> is false when the circuit was open; <c>Unanswered</c> true when a call may have arrived without our knowing.</summary>
    private async Task<(DeliveryResult Result, bool Attempted, bool Unanswered)> SendAsync(ReceiverLane lane, OutboxNotification row, CancellationToken cancellationToken)
    {
        if (lane.IsGone)
        {
            return (new DeliveryResult(DeliveryOutcome.Gone, "the receiver answered 410 before and wants no more messages"), true, false);
        }

        var message = IncidentMessage.FromJson(row.Message);
        var unanswered = false;
        var attempted = false;
        try
        {
            var result = await lane.Pipeline.ExecuteAsync(
                async token =>
                {
                    attempted = true;
                    var start = time.GetTimestamp();
                    var outcome = "no_answer";
                    try
                    {
                        var mayRepeat = !lane.Receiver.HonoursIds && (row.Uncertain || unanswered);
                        var answer = await lane.Receiver.SendAsync(new OutgoingMessage(row.Id, message, mayRepeat), token).ConfigureAwait(false);
                        outcome = answer.Outcome.ToString().ToLowerInvariant();
                        return answer;
                    }
                    catch (Exception e) when (MayHaveArrived(e) && !cancellationToken.IsCancellationRequested)
                    {
                        unanswered = true;
                        throw;
                    }
                    finally
                    {
                        metrics.Attempt(lane.Name, outcome, time.GetElapsedTime(start).TotalSeconds);
                    }
                },
                cancellationToken).ConfigureAwait(false);
            return (result, true, unanswered && result.Outcome != DeliveryOutcome.Delivered);
        }
        catch (BrokenCircuitException)
        {
            return (new DeliveryResult(DeliveryOutcome.Retry, "the receiver does not answer; waiting for it", TimeSpan.FromSeconds(10)), attempted, unanswered);
        }
        catch (TimeoutRejectedException)
        {
            return (new DeliveryResult(DeliveryOutcome.Retry, $"no answer within {lane.Timeout.TotalSeconds:F0} s"), true, true);
        }
        catch (HttpRequestException e) when (e.InnerException is AddressRefusedException refused)
        {
            return (new DeliveryResult(DeliveryOutcome.Rejected, refused.Message), true, false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (new DeliveryResult(DeliveryOutcome.Retry, $"no answer: {Describe(e)}"), true, unanswered);
        }
    }

    /// <summary>Writes the outcome of a message that does not exist: see <see cref="Rehearsal"/>.</summary>
    public Task RehearseAsync(string id) => WriteOutcomeAsync(id, NotificationState.Delivered, 1, 0, unanswered: false, "", 0);

    private Task<int> WriteOutcomeAsync(string id, NotificationState state, int attempts, long next, bool unanswered, string detail, long? finished) => database.WriteTogetherAsync(
        (context, token) => context.Notifications
            .Where(n => n.Id == id && n.State == NotificationState.Sending && n.Sender == settings.Instance)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(n => n.State, state)
                    .SetProperty(n => n.Attempts, attempts)
                    .SetProperty(n => n.NextAttemptUnixNano, next)
                    .SetProperty(n => n.Uncertain, n => n.Uncertain || unanswered)
                    .SetProperty(n => n.Detail, detail)
                    .SetProperty(n => n.FinishedUnixNano, finished),
                token));

    private async Task FinishAsync(ReceiverLane lane, OutboxNotification row, DeliveryResult result, bool attempted, bool unanswered)
    {
        var now = UnixNano.Now(time);
        var state = result.Outcome switch
        {
            DeliveryOutcome.Delivered => NotificationState.Delivered,
            DeliveryOutcome.Retry => NotificationState.Pending,
            _ => NotificationState.Failed,
        };
        var reason = result.Outcome switch
        {
            DeliveryOutcome.Rejected => "rejected",
            DeliveryOutcome.Gone => "gone",
            _ => "",
        };
        var attempts = attempted ? row.Attempts : row.Attempts - 1;
        var next = now;
        if (state == NotificationState.Pending)
        {
            if (DeliverySchedule.After(Math.Max(1, attempts), row.Id) is { } wait)
            {
                next = now + UnixNano.Span(!attempted ? result.RetryAfter ?? wait : result.RetryAfter > wait ? result.RetryAfter.Value : wait);
            }
            else
            {
                state = NotificationState.Failed;
                reason = "exhausted";
            }
        }

        await WriteOutcomeAsync(row.Id, state, attempts, next, unanswered, result.Detail, state == NotificationState.Pending ? null : now).ConfigureAwait(false);
        if (unanswered)
        {
            metrics.Uncertain(lane.Name, "no_answer");
        }

        switch (state)
        {
            case NotificationState.Delivered:
                metrics.Delivered(lane.Name, row.FindingUnixNano > 0 ? (double)(now - row.FindingUnixNano) / UnixNano.PerSecond : null);
                break;
            case NotificationState.Failed:
                if (result.Outcome == DeliveryOutcome.Gone)
                {
                    lane.MarkGone();
                }

                metrics.Failed(lane.Name, reason);
                LogFailed(row.Id, lane.Name, result.Detail);
                break;
            default:
                LogPostponed(row.Id, lane.Name, result.Detail, UnixNano.ToTime(next));
                break;
        }
    }

    /// <summary>A call that got no connection cannot have arrived.</summary>
    private static bool MayHaveArrived(Exception e) => e switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError or HttpRequestError.ProxyTunnelError } => false,
        HttpRequestException { InnerException: AddressRefusedException } => false,
        HttpRequestException or IOException or OperationCanceledException => true,
        _ => false,
    };

    /// <summary>Kinds of errors instead of messages: a message can hold the address, which is a secret for some receivers.</summary>
    private static string Describe(Exception e) => e is HttpRequestException { HttpRequestError: var error } && error != HttpRequestError.Unknown ? error.ToString() : e.GetType().Name;

    [LoggerMessage(EventId = 5010, Level = LogLevel.Warning, Message = "the clock was set back; {Count} waiting messages are due now")]
    private partial void LogClock(int count);

    [LoggerMessage(EventId = 7101, Level = LogLevel.Error, Message = "Message {Id} to receiver {Receiver} was given up: {Detail}")]
    private partial void LogFailed(string id, string receiver, string detail);

    [LoggerMessage(EventId = 7102, Level = LogLevel.Warning, Message = "Message {Id} to receiver {Receiver} is tried again at {Next:u}: {Detail}")]
    private partial void LogPostponed(string id, string receiver, string detail, DateTimeOffset next);

    [LoggerMessage(EventId = 7103, Level = LogLevel.Warning, Message = "{Count} messages to receiver {Receiver} were on their way when their sender died: they are sent again under the same id")]
    private partial void LogUncertain(int count, string receiver);

    [LoggerMessage(EventId = 7104, Level = LogLevel.Error, Message = "Message {Id} to receiver {Receiver} could not be worked off")]
    private partial void LogDeliveryBroken(string id, string receiver, Exception exception);
}
