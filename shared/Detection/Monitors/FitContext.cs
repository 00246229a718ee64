namespace Monitoring.Detection;

/// <summary>What a kind may use while fitting.</summary>
public sealed class FitContext(ModelDescription model, ReferenceData reference, object options, ulong seed)
{
    private readonly List<string> _warnings = [];

    public ModelDescription Model { get; } = model;

    public ReferenceData Reference { get; } = reference;

    /// <summary>Validated instance of the kind's <see cref="IMonitorKind.OptionsType"/>.</summary>
    public object Options { get; } = options;

    /// <summary>Fixed per (monitor, model); the only source of randomness.</summary>
    public ulong Seed { get; } = seed;

    /// <summary>What <c>fit</c> prints for people.</summary>
    public IReadOnlyList<string> Warnings => _warnings;

    /// <summary>Adds a sentence that <c>fit</c> prints: reach, doubts, what the data cannot show.</summary>
    public void Warn(string sentence) => _warnings.Add(sentence);
}
