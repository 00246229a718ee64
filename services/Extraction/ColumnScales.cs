using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>What makes columns comparable before distances are taken: 1 for images, 1/standard deviation for rows, 0 for a constant column.</summary>
internal static class ColumnScales
{
    public static float[] Of(RowBatch rows)
    {
        var scales = new float[rows.Width];
        if (rows.Model.Schema.Image is not null)
        {
            Array.Fill(scales, 1);
            return scales;
        }

        for (var column = 0; column < scales.Length; column++)
        {
            double sum = 0, squares = 0, count = 0;
            for (var row = 0; row < rows.Count; row++)
            {
                var value = rows.Input(row)[column];
                if (float.IsFinite(value))
                {
                    (sum, squares, count) = (sum + value, squares + ((double)value * value), count + 1);
                }
            }

            var variance = count > 1 ? (squares / count) - (sum / count * (sum / count)) : 0;
            scales[column] = variance > 1e-12 ? (float)(1 / Math.Sqrt(variance)) : 0;
        }

        return scales;
    }
}
