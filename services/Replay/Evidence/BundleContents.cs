using Monitoring.EventLog;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Evidence;

/// <summary>Gathers what a bundle is to hold: of an incident, of findings, of ranges; with configuration, model files and drawings of an installation.</summary>
internal static class BundleContents
{
    /// <summary>Gathers.</summary>
    /// <param name="configuration">The installation's configuration.</param>
    /// <param name="log">Its log.</param>
    /// <param name="incident">Id of an incident or a unique beginning of it; null for none.</param>
    /// <param name="findings">Ids of findings.</param>
    /// <param name="ranges">Whole ranges.</param>
    /// <param name="purpose">Why, where neither an incident nor a finding says it.</param>
    /// <param name="roots">Chain roots seen earlier, to be proved.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="UsageException">There is no such incident or finding.</exception>
    public static async Task<ExportRequest> GatherAsync(
        LoadedConfiguration configuration,
        IEventLog log,
        string? incident,
        IReadOnlyList<string> findings,
        IReadOnlyList<LogRange> ranges,
        string purpose,
        IReadOnlyList<string> roots,
        CancellationToken cancellationToken)
    {
        var about = incident is null ? null : await IncidentEvidence.ReadAsync(configuration, incident, cancellationToken).ConfigureAwait(false);
        var selection = new EvidenceSelection(log);
        var ofFindings = await selection.OfFindingsAsync([.. findings, .. about?.FindingIds ?? []], cancellationToken).ConfigureAwait(false);
        return new ExportRequest
        {
            Purpose = about is not null ? $"incident {about.Id}" : findings.Count > 0 ? $"finding {string.Join(", ", findings)}" : purpose,
            Ranges = ranges,
            Records = [.. ofFindings.Union(about?.Pinned ?? [])],
            Attachments = await AttachmentsAsync(configuration, about, selection.ExplanationIds, cancellationToken).ConfigureAwait(false),
            EarlierRoots = roots,
            Configuration = await File.ReadAllBytesAsync(configuration.File, cancellationToken).ConfigureAwait(false),
            ModelFiles = configuration.Value.Models.Where(m => m.Onnx is not null).ToDictionary(m => $"{m.Name}@{m.Version}", m => configuration.Resolve(m.Onnx!.Path), StringComparer.Ordinal),
        };
    }

    /// <summary>The incident in words, and the drawings of its explanations.</summary>
    private static async Task<Dictionary<string, byte[]>> AttachmentsAsync(LoadedConfiguration configuration, IncidentEvidence? incident, IReadOnlyList<string> explanations, CancellationToken cancellationToken)
    {
        var attachments = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        if (incident is not null)
        {
            attachments["incident.json"] = incident.Json;
        }

        foreach (var id in explanations.Where(id => id.All(char.IsAsciiHexDigit)))
        {
            foreach (var name in new[] { id + ".png", id + ".svg" })
            {
                var file = Path.Combine(configuration.DataDirectory, "explanations", name);
                if (File.Exists(file))
                {
                    attachments[name] = await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        return attachments;
    }
}
