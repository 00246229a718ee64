using Microsoft.EntityFrameworkCore;
using Monitoring.Hosting;
using Monitoring.Storage;

namespace Monitoring.Alerting.Incidents;

/// <summary>For <c>profile accept --incident</c>.</summary>
internal sealed class IncidentRanges(MonitoringDatabase database) : IIncidentRanges
{
    public async Task<IncidentRange?> FindAsync(string incident, CancellationToken cancellationToken)
    {
        await database.InitializeAsync(cancellationToken).ConfigureAwait(false);
        return await database.ReadAsync(
            (context, token) => context.Incidents.Where(i => i.Id == incident).Select(i => new IncidentRange(i.Model, i.ModelVersion, i.SinceUnixNano, i.LastFindingUnixNano)).FirstOrDefaultAsync(token),
            cancellationToken).ConfigureAwait(false);
    }
}
