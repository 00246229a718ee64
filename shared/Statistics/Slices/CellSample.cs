namespace Monitoring.Statistics;

/// <summary>A column of two samples, as cells.</summary>
/// <param name="Reference">Cell of every reference row.</param>
/// <param name="Data">Cell of every row of the data.</param>
/// <param name="Count">Cells.</param>
public sealed record CellSample(int[] Reference, int[] Data, int Count)
{
    public int At(int row, bool isData) => isData ? Data[row] : Reference[row];

    /// <summary>Shares of the cells on both sides.</summary>
    public (double[] Reference, double[] Data) Shares()
    {
        return (Of(Reference), Of(Data));

        double[] Of(int[] cells)
        {
            var shares = new double[Count];
            foreach (var cell in cells)
            {
                shares[cell]++;
            }

            for (var i = 0; i < shares.Length; i++)
            {
                shares[i] /= Math.Max(1, cells.Length);
            }

            return shares;
        }
    }
}
