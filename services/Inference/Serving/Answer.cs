using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>What a model answered.</summary>
/// <param name="Outputs">For the caller, in the order asked for.</param>
/// <param name="Captured">For the event: the outputs and the exports.</param>
/// <param name="ModelVersion">Version that answered; null where it is the configured one.</param>
internal readonly record struct Answer(IReadOnlyList<ScoringTensor> Outputs, IReadOnlyList<ScoringTensor> Captured, string? ModelVersion);
