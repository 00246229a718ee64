using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Incidents;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting.Pipeline;

/// <summary>
/// Many models opening the same family within the storm window become members of one parent: one message when the
/// storm is recognised and one at every tenfold of its size, instead of one per model.
/// </summary>
internal sealed class GroupStage(AlertingConfiguration configuration) : IAlertStage
{
    private readonly long _window = UnixNano.Span(configuration.StormWindow);

    public async ValueTask ApplyAsync(AlertContext context, CancellationToken cancellationToken)
    {
        var incident = context.Incident;
        if (incident.ParentId is { } parentId)
        {
            if (context.Batch.FindOpenById(parentId) is { } parent)
            {
                parent.FindingCount++;
                parent.LastFindingUnixNano = Math.Max(parent.LastFindingUnixNano, context.Finding.TimeUnixNano);
            }
        }
        else if (incident.Model.Length > 0 && context.Transitions.Exists(t => t.Incident == incident && t.Facts.Name == "opened"))
        {
            await JoinStormAsync(context, cancellationToken).ConfigureAwait(false);
        }
    }

    private async ValueTask JoinStormAsync(AlertContext context, CancellationToken cancellationToken)
    {
        var incident = context.Incident;
        var batch = context.Batch;
        var kind = ClassOf(incident);
        var key = $"|{kind}|storm";
        var storm = batch.FindOpen(key);
        if (storm is not null && context.Finding.TimeUnixNano - storm.LastFindingUnixNano > _window)
        {
            // The storm is over, though not closed yet: what opens now stands for itself.
            return;
        }

        string? transition = null;
        if (storm is null)
        {
            // Findings come nearly in order of time: what opened within a window before this one is what opened together with it.
            var from = incident.OpenedUnixNano - _window;
            var models = await batch.OpenedTogetherAsync(kind, from, configuration.StormModels, cancellationToken).ConfigureAwait(false);
            batch.Opened(kind, incident.Model);
            if (models.Count < configuration.StormModels)
            {
                return;
            }

            var together = await batch.LoadTogetherAsync(kind, from, cancellationToken).ConfigureAwait(false);
            if (together.Select(i => i.Model).Distinct(StringComparer.Ordinal).Count() < configuration.StormModels)
            {
                // Some of the models seen earlier in this batch have been taken out of the count since.
                return;
            }

            storm = new Incident
            {
                Id = StableId.Incident(key, context.Finding.Id),
                OpenKey = key,
                CorrelationKey = key,
                State = IncidentState.Open,
                Severity = incident.Severity,
                Family = incident.Family,
                Model = "",
                ModelVersion = "",
                Client = "",
                Sentence = "",
                IsStorm = true,
                SinceUnixNano = together.Min(i => i.SinceUnixNano),
                OpenedUnixNano = incident.OpenedUnixNano,
                LastFindingUnixNano = incident.LastFindingUnixNano,
            };
            batch.Add(storm);
            foreach (var member in together)
            {
                Take(batch, storm, member);
            }

            transition = "opened";
        }
        else
        {
            var before = storm.MemberModels;
            Take(batch, storm, incident);
            for (var size = configuration.StormModels * 10L; size <= storm.MemberModels; size *= 10)
            {
                if (before < size)
                {
                    transition = string.Create(CultureInfo.InvariantCulture, $"grown-{size}");
                }
            }
        }

        // The member speaks through its parent from now on.
        incident.Suppression = $"member of {storm.Id}";
        context.Transitions.RemoveAll(t => t.Incident == incident);
        storm.Sentence = IncidentSentence.ComposeStorm(storm.Family, storm.MemberModels, storm.SinceUnixNano, storm.LastFindingUnixNano);
        if (transition is not null)
        {
            var members = await MembersAsync(batch, storm, cancellationToken).ConfigureAwait(false);
            context.Transitions.Add((storm, context.Facts(transition, storm.Sentence) with { Lines = members }));
        }
    }

    private static void Take(IncidentBatch batch, Incident storm, Incident member)
    {
        if (!batch.OpenOf(member.Model).Any(i => i.ParentId == storm.Id))
        {
            storm.MemberModels++;
        }

        member.ParentId = storm.Id;
        storm.FindingCount += member.FindingCount;
        storm.EventCount += member.EventCount;
        storm.Severity = member.Severity > storm.Severity ? member.Severity : storm.Severity;
        storm.SinceUnixNano = Math.Min(storm.SinceUnixNano, member.SinceUnixNano);
        storm.LastFindingUnixNano = Math.Max(storm.LastFindingUnixNano, member.LastFindingUnixNano);
        storm.Coverage = Math.Min(storm.Coverage, member.Coverage);
    }

    /// <summary>Models of the storm: those saved earlier and those of this batch, sorted.</summary>
    private static async Task<IReadOnlyList<string>> MembersAsync(IncidentBatch batch, Incident storm, CancellationToken cancellationToken)
    {
        var saved = await batch.Context.Incidents.AsNoTracking()
            .Where(i => i.ParentId == storm.Id)
            .Select(i => i.Model)
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        return [.. saved.Concat(batch.MembersOf(storm.Id).Select(i => i.Model)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private static string ClassOf(Incident incident) => incident.CorrelationKey.Split('|')[1];
}
