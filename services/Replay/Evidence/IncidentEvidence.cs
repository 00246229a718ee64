using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Replay.Evidence;

/// <summary>What the database knows of an incident and a bundle is to hold.</summary>
/// <param name="Id">Full id.</param>
/// <param name="FindingIds">Its findings.</param>
/// <param name="Pinned">Log positions of the events that were pinned when it opened.</param>
/// <param name="Json">The incident, its findings' ids and its messages, for people.</param>
internal sealed record IncidentEvidence(string Id, IReadOnlyList<string> FindingIds, IReadOnlyList<RecordPosition> Pinned, byte[] Json)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true, Converters = { new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower) } };

    /// <summary>Reads an incident by its id or a unique beginning of it.</summary>
    /// <exception cref="UsageException">There is no such incident, or several.</exception>
    public static async Task<IncidentEvidence> ReadAsync(LoadedConfiguration configuration, string id, CancellationToken cancellationToken)
    {
        var storage = configuration.Value.Storage;
        var file = Path.Combine(configuration.DataDirectory, "monitoring.db");
        if (storage.Kind == StorageKind.Sqlite && !File.Exists(file))
        {
            throw new UsageException($"--incident: there is no database '{file}' yet");
        }

        await using var database = storage.Kind == StorageKind.Sqlite
            ? MonitoringDatabase.OpenSqlite(file, survivesPowerCut: false, TimeProvider.System)
            : MonitoringDatabase.OpenPostgreSql(storage.ConnectionString?.Read() ?? throw new UsageException("storage.connectionString is missing"), TimeProvider.System);
        return await database.ReadAsync(
            async (context, token) =>
            {
                var found = await context.Incidents.Where(i => i.Id.StartsWith(id)).Take(3).ToListAsync(token).ConfigureAwait(false);
                if (found.Count != 1)
                {
                    throw new UsageException(found.Count == 0 ? $"--incident: there is no incident '{id}'" : $"--incident: several incidents begin with '{id}': {string.Join(", ", found.Select(i => i.Id))}");
                }

                var incident = found[0];
                var findings = await context.IncidentFindings.Where(f => f.IncidentId == incident.Id).OrderBy(f => f.TimeUnixNano).Select(f => f.FindingId).ToListAsync(token).ConfigureAwait(false);
                var pinned = await context.PinnedEvidence.Where(p => p.IncidentId == incident.Id).ToListAsync(token).ConfigureAwait(false);
                var messages = await context.Notifications.Where(n => n.Subject == incident.Id).OrderBy(n => n.Sequence)
                    .Select(n => new { n.Id, n.Transition, n.Receiver, n.State, n.CreatedUnixNano, n.FinishedUnixNano }).ToListAsync(token).ConfigureAwait(false);
                return new IncidentEvidence(incident.Id, findings, [.. pinned.Select(p => new RecordPosition(p.Topic, p.Partition, p.Offset))], JsonSerializer.SerializeToUtf8Bytes(new { incident, findings, messages }, s_json));
            },
            cancellationToken).ConfigureAwait(false);
    }
}
