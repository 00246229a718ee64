using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>What people do: every act, done or refused, leaves an audit row in the same transaction.</summary>
public sealed class IncidentActions(MonitoringDatabase database, Outbox outbox, IncidentMetrics metrics, OutboxSignal signal, RearmPublisher rearm, TimeProvider time)
{
    private const int MaxText = 10_000;

    public Task<ActOutcome> AcknowledgeAsync(string id, Actor actor, CancellationToken cancellationToken) =>
        ActAsync(id, actor, IncidentAct.Acknowledge, "", cancellationToken);

    public Task<ActOutcome> ResolveAsync(string id, Actor actor, string reason, CancellationToken cancellationToken) =>
        ActAsync(id, actor, IncidentAct.Resolve, reason, cancellationToken);

    public Task<ActOutcome> FalseAlarmAsync(string id, Actor actor, string reason, CancellationToken cancellationToken) =>
        ActAsync(id, actor, IncidentAct.FalseAlarm, reason, cancellationToken);

    public Task<ActOutcome> NoteAsync(string id, Actor actor, string text, CancellationToken cancellationToken) =>
        ChangeAsync(id, actor, "incident.note", "", (context, incident, now) => context.Notes.Add(new IncidentNote { IncidentId = incident.Id, TimeUnixNano = now, Author = actor.Name, Text = Bounded(text) }), cancellationToken);

    public Task<ActOutcome> AssignAsync(string id, Actor actor, string assignee, CancellationToken cancellationToken) =>
        ChangeAsync(id, actor, "incident.assign", assignee, (_, incident, _) => incident.Assignee = Bounded(assignee), cancellationToken);

    /// <summary>While held, what the incident pinned is neither retired nor erased.</summary>
    public Task<ActOutcome> HoldAsync(string id, Actor actor, bool held, CancellationToken cancellationToken) =>
        ChangeAsync(id, actor, held ? "incident.hold" : "incident.release", "", (_, incident, _) => incident.Held = held, cancellationToken);

    /// <summary>Adds a silence and returns its id. Throws <see cref="ArgumentException"/> for an end that is not ahead or more than a year away.</summary>
    public async Task<long> SilenceAsync(Actor actor, string model, string client, Family family, TimeSpan duration, string reason, CancellationToken cancellationToken)
    {
        if (duration <= TimeSpan.Zero || duration > TimeSpan.FromDays(365))
        {
            throw new ArgumentException("a silence lasts more than nothing and at most 365d", nameof(duration));
        }

        var now = UnixNano.Now(time);
        var silence = await database.WriteAsync(
            async (context, token) =>
            {
                var added = new Silence
                {
                    Model = model,
                    Client = client,
                    Family = family,
                    StartsUnixNano = now,
                    EndsUnixNano = now + UnixNano.Span(duration),
                    Author = actor.Name,
                    Reason = Bounded(reason),
                };
                context.Silences.Add(added);
                await context.SaveChangesAsync(token).ConfigureAwait(false);
                Audit(context, actor, "silence.create", Text(added.Id), "done", $"model '{model}' client '{client}' family {Vocabulary.Of(family)} until {UnixNano.ToIso(added.EndsUnixNano)}");
                return added;
            },
            cancellationToken).ConfigureAwait(false);
        return silence.Id;
    }

    /// <summary>Ends a silence now. False when there is none running under this id that the actor may touch.</summary>
    public Task<bool> EndSilenceAsync(Actor actor, long id, CancellationToken cancellationToken) => database.WriteAsync(
        async (context, token) =>
        {
            var now = UnixNano.Now(time);
            var silence = await context.Silences.FirstOrDefaultAsync(s => s.Id == id && s.EndsUnixNano > now, token).ConfigureAwait(false);
            var done = silence is not null && actor.MayAct(silence.Model);
            if (done)
            {
                silence!.EndsUnixNano = now;
            }

            Audit(context, actor, "silence.end", Text(id), done ? "done" : "refused", "");
            return done;
        },
        cancellationToken);

    /// <summary>Records an act that changes nothing here: a payload read, a refusal.</summary>
    public Task RecordAsync(Actor actor, string action, string target, string outcome, string detail, CancellationToken cancellationToken) => database.WriteAsync(
        (context, _) =>
        {
            Audit(context, actor, action, target, outcome, detail);
            return Task.CompletedTask;
        },
        cancellationToken);

    private async Task<ActOutcome> ActAsync(string id, Actor actor, IncidentAct act, string reason, CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var name = act switch { IncidentAct.Acknowledge => "acknowledged", IncidentAct.Resolve => "resolved", _ => "falseAlarm" };
        var action = act switch { IncidentAct.Acknowledge => "incident.acknowledge", IncidentAct.Resolve => "incident.resolve", _ => "incident.falseAlarm" };
        var outcome = await database.WriteAsync(
            async (context, token) =>
            {
                var incident = await context.Incidents.FirstOrDefaultAsync(i => i.Id == id, token).ConfigureAwait(false);
                var result = incident is null ? ActOutcome.NotFound
                    : !actor.MayAct(incident.Model) ? ActOutcome.Forbidden
                    : IncidentStateMachine.After(incident.State, act) is null ? ActOutcome.NotNow
                    : ActOutcome.Done;
                Audit(context, actor, action, id, result == ActOutcome.Done ? "done" : "refused", result == ActOutcome.Done ? Bounded(reason) : result.ToString());
                if (result == ActOutcome.Done)
                {
                    // What happens to a storm happens to its members: nobody acknowledges a thousand times.
                    List<Incident> all = [incident!];
                    if (incident!.IsStorm)
                    {
                        all.AddRange(await context.Incidents.Where(i => i.ParentId == id && i.OpenKey != null).ToListAsync(token).ConfigureAwait(false));
                    }

                    foreach (var one in all)
                    {
                        if (IncidentStateMachine.After(one.State, act) is { } state)
                        {
                            if (one.OpenKey is not null && act != IncidentAct.Acknowledge)
                            {
                                RearmPublisher.Add(context, one, actor.Name, now);
                            }

                            await ApplyAsync(context, one, state, new TransitionFacts(name, actor.Name, Bounded(reason), now, now), token).ConfigureAwait(false);
                        }
                    }
                }

                return result;
            },
            cancellationToken).ConfigureAwait(false);
        if (outcome == ActOutcome.Done)
        {
            metrics.Transition(name);
            signal.Set();
            await rearm.PublishAsync(cancellationToken).ConfigureAwait(false);
        }

        return outcome;
    }

    private async Task ApplyAsync(MonitoringDbContext context, Incident incident, IncidentState state, TransitionFacts facts, CancellationToken cancellationToken)
    {
        if (state != IncidentState.Acknowledged)
        {
            await outbox.CloseAsync(context, incident, state, facts, cancellationToken).ConfigureAwait(false);
            return;
        }

        incident.State = state;
        incident.Assignee = incident.Assignee.Length == 0 ? facts.Actor : incident.Assignee;
        outbox.Transition(context, incident, facts, await Outbox.ToldAsync(context, incident.Id, cancellationToken).ConfigureAwait(false));
    }

    private Task<ActOutcome> ChangeAsync(string id, Actor actor, string action, string detail, Action<MonitoringDbContext, Incident, long> change, CancellationToken cancellationToken) => database.WriteAsync(
        async (context, token) =>
        {
            var incident = await context.Incidents.FirstOrDefaultAsync(i => i.Id == id, token).ConfigureAwait(false);
            var result = incident is null ? ActOutcome.NotFound : !actor.MayAct(incident.Model) ? ActOutcome.Forbidden : ActOutcome.Done;
            Audit(context, actor, action, id, result == ActOutcome.Done ? "done" : "refused", result == ActOutcome.Done ? Bounded(detail) : result.ToString());
            if (result == ActOutcome.Done)
            {
                change(context, incident!, UnixNano.Now(time));
            }

            return result;
        },
        cancellationToken);

    private void Audit(MonitoringDbContext context, Actor actor, string action, string target, string outcome, string detail) => context.Audit.Add(new AuditEntry
    {
        TimeUnixNano = UnixNano.Now(time),
        Actor = actor.Name,
        Action = action,
        Target = target,
        Outcome = outcome,
        Detail = detail,
    });

    private static string Bounded(string text) => text.Length > MaxText ? text[..MaxText] : text;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
