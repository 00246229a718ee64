namespace Monitoring.Detection;

/// <summary>A monitor of a model version in one partition, for pages and metrics.</summary>
/// <param name="Model">Model.</param>
/// <param name="Version">Model version.</param>
/// <param name="Monitor">Name in the configuration.</param>
/// <param name="Kind">Kind.</param>
/// <param name="Partition">Input partition.</param>
/// <param name="State">State.</param>
/// <param name="Reason">Why it is not armed; empty when it is.</param>
/// <param name="LearnedDraws">Draws learned so far, of <paramref name="LearningDraws"/>; both 0 when it is not learning.</param>
/// <param name="LearningDraws">Draws to learn.</param>
/// <param name="LearningEndsUnixNano">Expected end of learning at the present rate, log time; null when unknown.</param>
/// <param name="LogEvidence">ln of the strongest evidence about the model; −∞ before the first draw.</param>
/// <param name="LogLevel">ln of the level it alarms at; NaN without evidence.</param>
/// <param name="Draws">Draws in the evidence.</param>
/// <param name="Subjects">Clients or other subjects with evidence of their own.</param>
/// <param name="Coverage">Events seen by events sent.</param>
/// <param name="ProfileSha256">Profile in use; empty for none.</param>
/// <param name="EvidenceDigest">Hash over all evidence updates so far, hexadecimal: equal for a replay, bit for bit.</param>
public sealed record MonitorStatus(
    string Model,
    string Version,
    string Monitor,
    string Kind,
    int Partition,
    MonitorState State,
    string Reason,
    int LearnedDraws,
    int LearningDraws,
    long? LearningEndsUnixNano,
    double LogEvidence,
    double LogLevel,
    long Draws,
    int Subjects,
    double Coverage,
    string ProfileSha256,
    string EvidenceDigest)
{
    /// <summary>What the monitor measures.</summary>
    public IReadOnlyList<MonitorMeasure> Measures { get; init; } = [];

    /// <summary>Clients forgotten for want of room, the one silent longest first; they are watched anew when they come back.</summary>
    public long ForgottenClients { get; init; }

    /// <summary>Distance of the profile in use to the first one that was approved: see <see cref="ProfileStore.DistanceToFirst"/>.</summary>
    public double ProfileDistance { get; init; }
}
