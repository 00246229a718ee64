namespace Monitoring.Detection;

/// <summary>How a group runs. Nothing here but <see cref="Answers"/> changes a finding.</summary>
public sealed record MonitorGroupOptions
{
    /// <summary>Topic of the events.</summary>
    public string Topic { get; init; } = Contracts.Topics.InferenceEvents;

    /// <summary>Monitors that score and apply at once in one partition.</summary>
    public int Parallelism { get; init; } = 2;

    /// <summary>Most records taken at once, where so many wait and are worked on in about half a second.</summary>
    public int MaxBatch { get; init; } = 32_768;

    /// <summary>Asks models how sensitive they are when a profile is learned from traffic; null: findings by such profiles tell no impact.</summary>
    public ModelAnswers? Answers { get; init; }

    /// <summary>Records after which a checkpoint is written.</summary>
    public int CheckpointRecords { get; init; } = 100_000;

    /// <summary>Time after which a checkpoint is written, if anything changed.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Unlisted models watched at most, in each partition; further ones are counted and not watched.</summary>
    public int MaxUnlistedModels { get; init; } = 2000;
}
