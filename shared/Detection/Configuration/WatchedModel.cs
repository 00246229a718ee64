namespace Monitoring.Detection;

/// <summary>A model and its monitors in one group.</summary>
public sealed record WatchedModel
{
    /// <summary>Name; empty in <see cref="MonitorGroupConfiguration.Unlisted"/>.</summary>
    public string Name { get; init; } = "";

    /// <summary>Version; empty for any, each with a profile of its own.</summary>
    public string Version { get; init; } = "";

    public string Sha256 { get; init; } = "";

    /// <summary>Null: inferred from the first event.</summary>
    public ModelSchema? Schema { get; init; }

    /// <inheritdoc cref="ModelDescription.InputTensors"/>
    public IReadOnlyList<string> InputTensors { get; init; } = [];

    /// <summary>Empty: inferred from the first event.</summary>
    public IReadOnlyList<OutputTensor> Outputs { get; init; } = [];

    public IReadOnlyList<WatchedMonitor> Monitors { get; init; } = [];

    /// <summary>SHA-256 of the approved profile in the <see cref="ProfileStore"/>; null: learn it from traffic.</summary>
    public string? ProfileSha256 { get; init; }

    /// <summary>Admitted draws to learn a profile from.</summary>
    public int LearningDraws { get; init; } = 5000;

    /// <summary>A learned profile that shows no change within itself is used at once; else it waits for a person.</summary>
    public bool AutoApprove { get; init; } = true;

    /// <summary>Null: the profile's.</summary>
    public TimeSpan? SessionGap { get; init; }

    /// <summary>δ of RUNTIME 2.</summary>
    public double Tolerance { get; init; } = 0.1;

    /// <summary>Partitions that the model's events are spread over; each has its part of the budget.</summary>
    public int Shards { get; init; } = 1;

    /// <summary>Sealed ids of known heavy clients: scored and shown, not paged, and no draws of the model's evidence.</summary>
    public IReadOnlyList<string> Expected { get; init; } = [];

    internal ModelDescription? Describe(string model, string version) =>
        Schema is null && Outputs.Count == 0 && InputTensors.Count == 0 && Sha256.Length == 0
            ? null
            : new ModelDescription { Name = model, Version = version, Sha256 = Sha256, Schema = Schema ?? new ModelSchema([]), InputTensors = InputTensors, Outputs = Outputs };
}
