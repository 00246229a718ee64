using Monitoring.Detection;

namespace Monitoring.Quality.Reporting;

/// <summary>Rows of one side, as the report reads them.</summary>
/// <param name="Name">Where they come from.</param>
/// <param name="Inputs">rows × schema width, row-major.</param>
/// <param name="Rows">Rows.</param>
internal sealed record ReportSample(string Name, float[] Inputs, int Rows)
{
    /// <summary>Predicted class per row, −1 for none; null without a classifier.</summary>
    public int[]? Classes { get; init; }

    /// <summary>rows × <see cref="ClassCount"/>; null without probabilities.</summary>
    public float[]? Probabilities { get; init; }

    public int ClassCount { get; init; }

    /// <summary>Predicted number per row; null without a regressor.</summary>
    public double[]? Values { get; init; }

    /// <summary>True class or number per row, NaN where nobody said; null without labels.</summary>
    public double[]? Truth { get; init; }

    public bool HasPredictions => Classes is not null || Values is not null;

    /// <summary>With probabilities, and the class of the largest; −1 where a row has none.</summary>
    public ReportSample WithProbabilities(float[] probabilities, int classes)
    {
        var best = new int[Rows];
        for (var r = 0; r < Rows; r++)
        {
            var row = probabilities.AsSpan(r * classes, classes);
            best[r] = -1;
            for (var c = 0; c < classes; c++)
            {
                best[r] = !float.IsNaN(row[c]) && (best[r] < 0 || row[c] > row[best[r]]) ? c : best[r];
            }
        }

        return this with { Probabilities = probabilities, ClassCount = classes, Classes = best };
    }

    public ReadOnlySpan<float> Probability(int row) => Probabilities.AsSpan(row * ClassCount, ClassCount);
}
