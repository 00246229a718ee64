using System.Numerics.Tensors;

namespace Monitoring.Statistics;

/// <summary>
/// The least-squares density difference as a function: f(x) = Σ_j β_j k(x, c_j) with β = H_λ⁻¹h, h the difference of two samples' mean kernels to the
/// centres, H the Gram matrix of the centres at √2σ (Bu, Alippi and Zhao 2017). λ is the first of 4^−i whose relative difference is below a fifth.
/// </summary>
public sealed class DensityDifferenceWitness
{
    private const double Limit = 0.2;
    private const int Steps = 10;
    private readonly int _count;
    private readonly double[] _gram;
    private readonly Lazy<double[]?>[] _inverses;

    /// <param name="centres">Kernel centres, row-major.</param>
    public DensityDifferenceWitness(ReadOnlySpan<double> centres, int columns, double sigma)
    {
        _count = GaussianKernel.Rows(centres, columns);
        var gram = GaussianKernel.Gram(centres, centres, columns, Math.Sqrt(2) * sigma);
        var count = _count;
        _gram = gram;
        _inverses = [.. Enumerable.Range(0, Steps).Select(i => new Lazy<double[]?>(() =>
        {
            var regularised = (double[])gram.Clone();
            for (var j = 0; j < count; j++)
            {
                regularised[(j * count) + j] += Math.Pow(4, -i);
            }

            return SymmetricMatrix.Cholesky(regularised, count) is { } factor ? SymmetricMatrix.Inverse(factor, count) : null;
        }))];
    }

    /// <summary>β for the difference of mean kernels h.</summary>
    public double[] DirectionOf(double[] difference)
    {
        ArgumentNullException.ThrowIfNull(difference);
        var chosen = (double[])difference.Clone();
        var omega = new double[_count];
        foreach (var inverse in _inverses)
        {
            if (inverse.Value is not { } matrix)
            {
                break;
            }

            double denominator = 0, quadratic = 0;
            for (var i = 0; i < _count; i++)
            {
                omega[i] = TensorPrimitives.Dot<double>(matrix.AsSpan(i * _count, _count), difference.AsSpan());
                denominator += omega[i] * difference[i];
            }

            for (var i = 0; i < _count; i++)
            {
                quadratic += omega[i] * TensorPrimitives.Dot<double>(_gram.AsSpan(i * _count, _count), omega);
            }

            omega.CopyTo(chosen, 0);
            if (!(denominator > 0) || 1 - (quadratic / denominator) < Limit)
            {
                break;
            }
        }

        return chosen;
    }
}
