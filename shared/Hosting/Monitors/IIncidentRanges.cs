namespace Monitoring.Hosting;

/// <summary>Says what traffic an incident is about; registered by whoever keeps the incidents.</summary>
public interface IIncidentRanges
{
    /// <summary>The range; null when there is no such incident.</summary>
    Task<IncidentRange?> FindAsync(string incident, CancellationToken cancellationToken);
}
