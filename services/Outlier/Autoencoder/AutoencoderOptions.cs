namespace Monitoring.Outlier;

/// <summary>Options of <c>autoencoder</c>.</summary>
public sealed record AutoencoderOptions : GraphScoreOptions
{ }
