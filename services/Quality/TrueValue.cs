using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Quality;

/// <summary>What feedback says as a number: the index of a class by its name in the schema (or the number itself), or the value.</summary>
internal static class TrueValue
{
    /// <summary>NaN where the label is neither a class of the schema nor a number.</summary>
    public static double Of(Feedback feedback, ModelSchema schema) =>
        feedback.TruthCase == Feedback.TruthOneofCase.Value ? feedback.Value : Of(feedback.Label, schema);

    /// <inheritdoc cref="Of(Feedback, ModelSchema)"/>
    public static double Of(TrueLabel label, ModelSchema schema) =>
        label.TruthCase == TrueLabel.TruthOneofCase.Value ? label.Value : Of(label.Label, schema);

    private static double Of(string label, ModelSchema schema)
    {
        for (var i = 0; i < schema.Classes.Count; i++)
        {
            if (string.Equals(schema.Classes[i], label, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN;
    }
}
