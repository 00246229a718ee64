using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>The frozen reference of a kind that looks at all columns together.</summary>
/// <param name="Encoder">Encodes rows as the reference is.</param>
/// <param name="Sigma">Bandwidth of the Gaussian kernel.</param>
/// <param name="HeldOut">The first rows, in number, that calibrate a bet and that its direction never sees.</param>
/// <param name="Rows">Encoded rows: the held-out ones, then others; at least twice as many where the reference had them.</param>
internal sealed record FeatureWindowReference(RowEncoder Encoder, double Sigma, int HeldOut, float[] Rows)
{
    public int Columns => Encoder.Columns;

    public int Count => Rows.Length / Columns;

    /// <summary>Encoded rows from index <paramref name="first"/> on.</summary>
    public ReadOnlySpan<float> From(int first) => Rows.AsSpan(first * Columns);
}
