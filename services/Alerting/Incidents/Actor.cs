namespace Monitoring.Alerting.Incidents;

/// <summary>Who acts.</summary>
/// <param name="Name">Name of the person or key, for audit and timeline.</param>
/// <param name="Models">Models the actor is limited to; empty means all.</param>
internal sealed record Actor(string Name, IReadOnlyCollection<string> Models)
{
    /// <summary>An incident over many models is for those who may see all.</summary>
    public bool MaySee(string model) => Models.Count == 0 || Models.Contains(model);
}
