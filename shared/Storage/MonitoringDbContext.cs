using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Monitoring.Storage;

/// <summary>The tables, the same on SQLite and PostgreSQL.</summary>
public sealed class MonitoringDbContext(DbContextOptions<MonitoringDbContext> options) : DbContext(options)
{
    public DbSet<Incident> Incidents => Set<Incident>();

    public DbSet<IncidentFinding> IncidentFindings => Set<IncidentFinding>();

    public DbSet<OutboxNotification> Notifications => Set<OutboxNotification>();

    public DbSet<HighWaterMark> HighWaterMarks => Set<HighWaterMark>();

    public DbSet<IncidentNote> Notes => Set<IncidentNote>();

    public DbSet<Silence> Silences => Set<Silence>();

    public DbSet<AuditEntry> Audit => Set<AuditEntry>();

    public DbSet<PinnedEvidence> PinnedEvidence => Set<PinnedEvidence>();

    public DbSet<ErasedClient> ErasedClients => Set<ErasedClient>();

    public DbSet<PendingRearm> PendingRearms => Set<PendingRearm>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Incident>(e =>
        {
            e.ToTable("incident");
            e.HasKey(i => i.Id);
            e.Property(i => i.State).HasConversion<string>();
            e.Property(i => i.Details).HasConversion(new DetailsConverter());
            e.Property(i => i.Version).IsConcurrencyToken();
            e.HasIndex(i => i.OpenKey).IsUnique();
            e.HasIndex(i => i.ParentId);
            e.HasIndex(i => new { i.Model, i.OpenedUnixNano });
            e.HasIndex(i => i.OpenedUnixNano);
        });
        modelBuilder.Entity<IncidentFinding>(e =>
        {
            e.ToTable("incident_finding");
            e.HasKey(f => new { f.IncidentId, f.FindingId });
            e.Property(f => f.Pin).HasConversion<string>();
            e.HasIndex(f => f.Pin);
        });
        modelBuilder.Entity<OutboxNotification>(e =>
        {
            e.ToTable("notification");
            e.HasKey(n => n.Id);
            e.Property(n => n.State).HasConversion<string>();
            e.HasIndex(n => new { n.State, n.NextAttemptUnixNano });
            e.HasIndex(n => new { n.Subject, n.Receiver, n.Sequence });
            e.HasIndex(n => new { n.Published, n.State });
        });
        modelBuilder.Entity<HighWaterMark>(e =>
        {
            e.ToTable("high_water_mark");
            e.HasKey(m => new { m.Consumer, m.Topic, m.Partition, m.SourceGroup, m.SourceTopic, m.SourcePartition });
        });
        modelBuilder.Entity<IncidentNote>(e =>
        {
            e.ToTable("note");
            e.HasIndex(n => n.IncidentId);
        });
        modelBuilder.Entity<Silence>(e =>
        {
            e.ToTable("silence");
            e.HasIndex(s => s.EndsUnixNano);
        });
        modelBuilder.Entity<AuditEntry>(e =>
        {
            e.ToTable("audit");
            e.HasIndex(a => a.TimeUnixNano);
        });
        modelBuilder.Entity<PinnedEvidence>(e =>
        {
            e.ToTable("pinned_evidence");
            e.HasKey(p => new { p.IncidentId, p.EventId });
        });
        modelBuilder.Entity<ErasedClient>(e =>
        {
            e.ToTable("erased_client");
            e.HasKey(c => c.Sha256);
        });
        modelBuilder.Entity<PendingRearm>(e =>
        {
            e.ToTable("pending_rearm");
            e.HasKey(r => r.IncidentId);
        });
    }

    private sealed class DetailsConverter() : ValueConverter<IncidentDetails, string>(
        details => JsonSerializer.Serialize(details, JsonSerializerOptions.Web),
        text => JsonSerializer.Deserialize<IncidentDetails>(text, JsonSerializerOptions.Web) ?? new IncidentDetails());
}
