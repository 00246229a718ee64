namespace Monitoring.Storage;

/// <summary>What a person wrote about an incident.</summary>
public sealed class IncidentNote
{
    public long Id { get; set; }

    public required string IncidentId { get; set; }

    public required long TimeUnixNano { get; set; }

    public required string Author { get; set; }

    public required string Text { get; set; }
}
