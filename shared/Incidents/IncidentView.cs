using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>An incident as the HTTP API shows it.</summary>
public sealed record IncidentView
{
    public required string Id { get; init; }

    /// <summary>open, acknowledged, resolved, falseAlarm.</summary>
    public required string State { get; init; }

    /// <summary>harm, change, record.</summary>
    public required string Severity { get; init; }

    public required string Family { get; init; }

    public required string Model { get; init; }

    public required string ModelVersion { get; init; }

    public required string Client { get; init; }

    public required string Sentence { get; init; }

    public required string FirstStep { get; init; }

    public required string AtlasTechnique { get; init; }

    public required string Assignee { get; init; }

    public required string Since { get; init; }

    public required string Opened { get; init; }

    public required string LastFinding { get; init; }

    public required string? Closed { get; init; }

    public required long SinceUnixNano { get; init; }

    public required long OpenedUnixNano { get; init; }

    public required long LastFindingUnixNano { get; init; }

    public required long Findings { get; init; }

    public required long Events { get; init; }

    public required double Coverage { get; init; }

    public required string? Parent { get; init; }

    public required bool IsStorm { get; init; }

    /// <summary>Of a storm: how many models are members.</summary>
    public required int MemberModels { get; init; }

    public required string? InhibitedBy { get; init; }

    /// <summary>Why nobody was told; empty when somebody was.</summary>
    public required string Suppression { get; init; }

    public required bool Held { get; init; }

    public required IncidentDetails Details { get; init; }

    public static IncidentView Of(Incident incident) => new()
    {
        Id = incident.Id,
        State = Vocabulary.Of(incident.State),
        Severity = Vocabulary.Of(incident.Severity),
        Family = Vocabulary.Of(incident.Family),
        Model = incident.Model,
        ModelVersion = incident.ModelVersion,
        Client = incident.Client,
        Sentence = incident.Sentence,
        FirstStep = Monitoring.Incidents.FirstStep.Of(incident.Family),
        AtlasTechnique = incident.AtlasTechnique,
        Assignee = incident.Assignee,
        Since = UnixNano.ToIso(incident.SinceUnixNano),
        Opened = UnixNano.ToIso(incident.OpenedUnixNano),
        LastFinding = UnixNano.ToIso(incident.LastFindingUnixNano),
        Closed = incident.ClosedUnixNano is { } closed ? UnixNano.ToIso(closed) : null,
        SinceUnixNano = incident.SinceUnixNano,
        OpenedUnixNano = incident.OpenedUnixNano,
        LastFindingUnixNano = incident.LastFindingUnixNano,
        Findings = incident.FindingCount,
        Events = incident.EventCount,
        Coverage = incident.Coverage,
        Parent = incident.ParentId,
        IsStorm = incident.IsStorm,
        MemberModels = incident.MemberModels,
        InhibitedBy = incident.InhibitedById,
        Suppression = incident.Suppression,
        Held = incident.Held,
        Details = incident.Details,
    };
}

/// <summary>An incident with all that belongs to it.</summary>
/// <param name="Incident">The incident.</param>
/// <param name="Findings">Newest first, at most 100.</param>
/// <param name="Notes">Oldest first.</param>
/// <param name="Notifications">Who was told what, oldest first.</param>
/// <param name="Members">Of a storm: members, at most 1,000.</param>
/// <param name="Inhibited">Incidents that this one explains.</param>
/// <param name="Changes">Deployments, data jobs and switches from a day before its start to an hour after.</param>
/// <param name="Evidence">Pinned events, without their payload.</param>
public sealed record IncidentDetailView(
    IncidentView Incident,
    IReadOnlyList<FindingView> Findings,
    IReadOnlyList<NoteView> Notes,
    IReadOnlyList<NotificationView> Notifications,
    IReadOnlyList<MemberView> Members,
    IReadOnlyList<string> Inhibited,
    IReadOnlyList<ChangeView> Changes,
    IReadOnlyList<EvidenceView> Evidence);

/// <summary>A finding of an incident.</summary>
public sealed record FindingView(string Id, string Time, string Since, string Monitor, string Kind, string Severity, string Variable, string Summary, double? LogEvidence, double? LogLevel, double? Score, double? PValue, double Coverage, IReadOnlyList<string> SampleEventIds, IReadOnlyList<string> Clients)
{
    public static FindingView Of(Finding finding) => new(
        finding.Id,
        UnixNano.ToIso(finding.TimeUnixNano),
        UnixNano.ToIso(finding.SinceUnixNano),
        finding.Monitor,
        finding.Kind,
        Vocabulary.Of(finding.Severity),
        finding.Variable,
        finding.Summary,
        Finite(finding.LogEvidence),
        Finite(finding.LogLevel),
        Finite(finding.Score),
        Finite(finding.PValue),
        finding.Coverage,
        [.. finding.SampleEventIds],
        [.. finding.Clients]);

    /// <summary>JSON has no NaN.</summary>
    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}

/// <summary>A note.</summary>
public sealed record NoteView(string Time, string Author, string Text);

/// <summary>A message to a receiver.</summary>
public sealed record NotificationView(string Id, string Receiver, string Transition, string State, int Attempts, bool Uncertain, string Created, string? Finished, string Detail);

/// <summary>A member of a storm.</summary>
public sealed record MemberView(string Id, string Model, string State, string Opened);

/// <summary>A change near the start of an incident.</summary>
public sealed record ChangeView(string Time, string Model, string Kind, string Summary, string Author, string Link);

/// <summary>A pinned event.</summary>
public sealed record EvidenceView(string EventId, string Topic, int Partition, long Offset, string Time, string Sha256, int Bytes);

/// <summary>A page of incidents, newest first.</summary>
/// <param name="Incidents">Incidents.</param>
/// <param name="Next">Pass as <c>before</c> for the next page; null at the end.</param>
public sealed record IncidentPage(IReadOnlyList<IncidentView> Incidents, long? Next);

/// <summary>A silence.</summary>
public sealed record SilenceView(long Id, string Model, string Client, string Family, string Starts, string Ends, string Author, string Reason);

/// <summary>An audit row.</summary>
public sealed record AuditView(long Id, string Time, string Actor, string Action, string Target, string Outcome, string Detail);

/// <summary>Body of acts that take a reason.</summary>
public sealed record ReasonRequest(string? Reason);

/// <summary>Body of a note.</summary>
public sealed record NoteRequest(string? Text);

/// <summary>Body of an assignment; empty takes the assignee away.</summary>
public sealed record AssignRequest(string? Assignee);

/// <summary>Body of a hold.</summary>
public sealed record HoldRequest(bool Held);

/// <summary>Body of a silence.</summary>
/// <param name="Model">Model; absent matches all.</param>
/// <param name="Client">Sealed client id; absent matches all.</param>
/// <param name="Family">Family; absent matches all.</param>
/// <param name="For">Duration, for example <c>2h</c>.</param>
/// <param name="Reason">Why.</param>
public sealed record SilenceRequest(string? Model, string? Client, string? Family, string? For, string? Reason);

/// <summary>How often a monitor was right, by what people said of its closed incidents.</summary>
/// <param name="Monitor">Name.</param>
/// <param name="Judged">Closed incidents it took part in that a person closed.</param>
/// <param name="FalseAlarms">Of these, the false alarms.</param>
/// <param name="Precision">1 − false alarms ÷ judged.</param>
public sealed record PrecisionView(string Monitor, int Judged, int FalseAlarms, double Precision);

/// <summary>A silence was made.</summary>
public sealed record SilenceCreated(long Id);

/// <summary>The name behind a sealed id.</summary>
public sealed record RevealedClient(string Id, string Client);

/// <summary>What came back from a receiver.</summary>
public sealed record ReceiverTestView(string Receiver, bool Delivered, string Detail);

/// <summary>Body of an erasure.</summary>
/// <param name="Client">The client's own name, or its sealed id.</param>
/// <param name="Reason">Why, for the audit; the client's name in it is replaced.</param>
/// <param name="Force">Also where an incident about it is held.</param>
public sealed record ErasureRequest(string? Client, string? Reason, bool? Force);
