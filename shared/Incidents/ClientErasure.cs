using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>
/// Erases a client from the database: what it sent is removed, its sealed id and its name are replaced by a random pseudonym, and the seal is not opened again while the log
/// may hold records from before. The log itself is append-only and sealed by Merkle roots: records age out of it (ADR 75).
/// </summary>
public sealed class ClientErasure(MonitoringDatabase database, ClientSealer sealer, LoadedConfiguration configuration, TimeProvider time)
{
    /// <summary>Shorter names are replaced only where the client is known to be spoken of: "7" stands in many a text.</summary>
    private const int LeastSearchedName = 4;

    /// <summary>Spools and clocks: the log may take a record a little later than it was made.</summary>
    private static readonly TimeSpan s_margin = TimeSpan.FromDays(1);

    /// <param name="client">The client's own name, or its sealed id.</param>
    /// <param name="actor">Who erases.</param>
    /// <param name="reason">Why; the client in it is replaced.</param>
    /// <param name="force">Also where an incident about it is held.</param>
    /// <param name="cancellationToken">Cancels before anything is erased.</param>
    public async Task<ErasureView> EraseAsync(string client, Actor actor, string reason, bool force, CancellationToken cancellationToken)
    {
        var name = sealer.Reveal("client", client) ?? client;
        var words = new ErasedWords(name, sealer.Seal("client", name), $"erased-{RandomNumberGenerator.GetHexString(12, lowercase: true)}");
        var result = await database.WriteAsync((context, token) => EraseAsync(context, words, actor, reason, force, token), cancellationToken).ConfigureAwait(false);
        if (result.HeldBy.Count == 0)
        {
            await database.CompactAsync(CancellationToken.None).ConfigureAwait(false);
        }

        return result;
    }

    /// <summary>Whether a sealed id belongs to a client that was erased, and must not be opened.</summary>
    public Task<bool> IsErasedAsync(string id, CancellationToken cancellationToken)
    {
        var hash = HashOf(id);
        var now = UnixNano.Now(time);
        return database.ReadAsync((context, token) => context.ErasedClients.AnyAsync(c => c.Sha256 == hash && c.UntilUnixNano > now, token), cancellationToken);
    }

    private async Task<ErasureView> EraseAsync(MonitoringDbContext context, ErasedWords words, Actor actor, string reason, bool force, CancellationToken cancellationToken)
    {
        var now = UnixNano.Now(time);
        var bytes = Encoding.UTF8.GetBytes(words.Id);
        var findings = await database.FindingsWith(context, bytes).ToListAsync(cancellationToken).ConfigureAwait(false);
        var pinned = await database.PinnedWith(context, bytes).Select(p => new { p.IncidentId, p.EventId }).ToListAsync(cancellationToken).ConfigureAwait(false);
        var incidents = await database.IncidentsWith(context, words.Prefix).ToListAsync(cancellationToken).ConfigureAwait(false);
        var ids = incidents.Select(i => i.Id).Concat(findings.Select(f => f.IncidentId)).Concat(pinned.Select(p => p.IncidentId)).ToHashSet(StringComparer.Ordinal);
        var others = ids.Except(incidents.Select(i => i.Id), StringComparer.Ordinal).ToList();
        incidents.AddRange(await context.Incidents.Where(i => others.Contains(i.Id)).ToListAsync(cancellationToken).ConfigureAwait(false));

        var parents = incidents.Select(i => i.ParentId).OfType<string>().ToList();
        var heldParents = await context.Incidents.Where(i => parents.Contains(i.Id) && i.Held).Select(i => i.Id).ToListAsync(cancellationToken).ConfigureAwait(false);
        var held = incidents.Where(i => i.Held).Select(i => i.Id).Concat(heldParents).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (held.Count > 0 && !force)
        {
            context.Audit.Add(Audit(actor, now, string.Join(' ', held), "refused", $"held; {words.Without(reason)}"));
            return new ErasureView("", 0, 0, 0, 0, 0, 0, held, []);
        }

        foreach (var incident in incidents)
        {
            incident.Client = words.WithoutId(incident.Client);
            incident.OpenKey = incident.OpenKey is null ? null : words.WithoutId(incident.OpenKey);
            incident.CorrelationKey = words.WithoutId(incident.CorrelationKey);
            incident.Sentence = words.Without(incident.Sentence);
            incident.Details = incident.Details with
            {
                Clients = [.. incident.Details.Clients.Select(words.WithoutId)],
                Timeline = [.. incident.Details.Timeline.Select(t => t with { Text = words.Without(t.Text) })],
            };
        }

        foreach (var row in findings)
        {
            var finding = Finding.Parser.ParseFrom(row.Payload);
            finding.Client = words.WithoutId(finding.Client);
            finding.Summary = words.WithoutId(finding.Summary);
            for (var i = 0; i < finding.Clients.Count; i++)
            {
                finding.Clients[i] = words.WithoutId(finding.Clients[i]);
            }

            row.Payload = finding.ToByteArray();
        }

        foreach (var incident in pinned.GroupBy(p => p.IncidentId, StringComparer.Ordinal))
        {
            var events = incident.Select(p => p.EventId).ToList();
            await context.PinnedEvidence.Where(p => p.IncidentId == incident.Key && events.Contains(p.EventId)).ExecuteDeleteAsync(cancellationToken).ConfigureAwait(false);
        }

        var messages = await MessagesAsync(context, words, ids, cancellationToken).ConfigureAwait(false);
        var notes = await NotesAsync(context, words, ids, cancellationToken).ConfigureAwait(false);
        var audit = await AuditAsync(context, words, ids, cancellationToken).ConfigureAwait(false);
        foreach (var silence in await context.Silences.Where(s => s.Client == words.Id || s.Client == words.Name).ToListAsync(cancellationToken).ConfigureAwait(false))
        {
            silence.Client = words.Pseudonym;
            silence.EndsUnixNano = Math.Min(silence.EndsUnixNano, now);
            silence.Reason = words.Without(silence.Reason);
        }

        foreach (var waiting in await context.PendingRearms.Where(r => r.Client == words.Id).ToListAsync(cancellationToken).ConfigureAwait(false))
        {
            waiting.Client = words.Pseudonym;
        }

        await RememberAsync(context, words, now, cancellationToken).ConfigureAwait(false);
        var view = new ErasureView(words.Pseudonym, incidents.Count, findings.Count, pinned.Count, messages, notes, audit, [], Remains());
        context.Audit.Add(Audit(actor, now, words.Pseudonym, "done", string.Create(CultureInfo.InvariantCulture, $"{view.Incidents} incidents, {view.Findings} findings, {view.Events} events, {view.Messages} messages, {view.Notes} notes, {view.AuditRows} audit rows{(held.Count > 0 ? ", forced though held" : "")}; {words.Without(reason)}")));
        return view;
    }

    private static async Task<int> MessagesAsync(MonitoringDbContext context, ErasedWords words, HashSet<string> incidents, CancellationToken cancellationToken)
    {
        var (prefix, quoted) = (words.Prefix, System.Text.Json.JsonEncodedText.Encode(words.Name).ToString());
        var byName = words.Name.Length >= LeastSearchedName;
        var rows = await context.Notifications.Where(n => incidents.Contains(n.Subject) || n.Message.Contains(prefix) || n.Detail.Contains(prefix) || (byName && n.Message.Contains(quoted))).ToListAsync(cancellationToken).ConfigureAwait(false);
        foreach (var row in rows)
        {
            var message = IncidentMessage.FromJson(row.Message);
            row.Message = (message with
            {
                Client = words.Without(message.Client),
                Clients = [.. message.Clients.Select(words.Without)],
                Sentence = words.Without(message.Sentence),
                Text = words.Without(message.Text),
                Lines = [.. message.Lines.Select(words.Without)],
            }).ToJson();
            row.Detail = words.Without(row.Detail);
        }

        return rows.Count;
    }

    private static async Task<int> NotesAsync(MonitoringDbContext context, ErasedWords words, HashSet<string> incidents, CancellationToken cancellationToken)
    {
        var (prefix, name) = (words.Prefix, words.Name);
        var byName = name.Length >= LeastSearchedName;
        var rows = await context.Notes.Where(n => incidents.Contains(n.IncidentId) || n.Text.Contains(prefix) || (byName && n.Text.Contains(name))).ToListAsync(cancellationToken).ConfigureAwait(false);
        var changed = 0;
        foreach (var row in rows)
        {
            var text = words.Without(row.Text);
            changed += text == row.Text ? 0 : 1;
            row.Text = text;
        }

        return changed;
    }

    private static async Task<int> AuditAsync(MonitoringDbContext context, ErasedWords words, HashSet<string> incidents, CancellationToken cancellationToken)
    {
        var (prefix, name) = (words.Prefix, words.Name);
        var byName = name.Length >= LeastSearchedName;
        var rows = await context.Audit
            .Where(a => incidents.Contains(a.Target) || a.Target.Contains(prefix) || a.Detail.Contains(prefix) || (byName && (a.Detail.Contains(name) || a.Target.Contains(name))))
            .ToListAsync(cancellationToken).ConfigureAwait(false);
        var changed = 0;
        foreach (var row in rows)
        {
            var (target, detail) = (words.Without(row.Target), words.Without(row.Detail));
            changed += target == row.Target && detail == row.Detail ? 0 : 1;
            (row.Target, row.Detail) = (target, detail);
        }

        return changed;
    }

    private async Task RememberAsync(MonitoringDbContext context, ErasedWords words, long now, CancellationToken cancellationToken)
    {
        var hash = HashOf(words.Id);
        if (await context.ErasedClients.FirstOrDefaultAsync(c => c.Sha256 == hash, cancellationToken).ConfigureAwait(false) is not { } erased)
        {
            erased = new ErasedClient { Sha256 = hash, ErasedUnixNano = now, UntilUnixNano = 0 };
            context.ErasedClients.Add(erased);
        }

        erased.ErasedUnixNano = now;
        erased.UntilUnixNano = now + UnixNano.Span(configuration.Value.Log.RetentionAge + s_margin);
    }

    private IReadOnlyList<string> Remains() =>
    [
        $"records of the log from before, under the sealed id, until log.retentionAge ({Duration.Format(configuration.Value.Log.RetentionAge)}); the seal is not opened for anybody until then",
        "checkpoints of monitors that count by client, under the sealed id, until the monitor forgets the client",
        "decisions about the client on monitoring.controls, under the sealed id, with the reasons that people wrote: the topic keeps the newest record of every decision",
        "drawings of explanations in the artifact folder, which name no client",
        "messages that receivers already got, evidence bundles that were exported, backups of the database",
    ];

    private static string HashOf(string id) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(id)));

    private static AuditEntry Audit(Actor actor, long now, string target, string outcome, string detail) => new()
    {
        TimeUnixNano = now,
        Actor = actor.Name,
        Action = "client.erase",
        Target = target,
        Outcome = outcome,
        Detail = detail,
    };
}
