using System.Globalization;
using System.Numerics.Tensors;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>How the inputs of a call depart from the model's schema: one violation per feature and kind, with a count and the first case.</summary>
internal static class SchemaCheck
{
    private const int MaxViolations = 64;

    /// <summary>
    /// Adds the departures to <paramref name="violations"/>. Without a schema only NaN and infinity are looked for. Of sensitive features, and of those
    /// in <paramref name="redact"/>, no value is told.
    /// </summary>
    public static void Check(ModelSchema? schema, IReadOnlyList<ScoringTensor> inputs, IReadOnlyList<string> redact, ICollection<SchemaViolation> violations)
    {
        for (var i = 0; i < inputs.Count && violations.Count < MaxViolations; i++)
        {
            var tensor = inputs[i];
            if (tensor.Type == TensorType.Bytes || tensor.ElementCount == 0)
            {
                continue;
            }

            if (schema is not null && i == 0 && tensor.Rows > 0 && tensor.ElementCount / tensor.Rows == schema.Width)
            {
                CheckRows(schema, tensor, redact, violations);
            }
            else if (schema is not null && i == 0)
            {
                violations.Add(new SchemaViolation { Feature = tensor.Name, Kind = "shape", Detail = $"{tensor.ElementCount / Math.Max(1, tensor.Rows)} values a row, the schema has {schema.Width}" });
            }
            else if (TensorData.HasNonFinite(tensor))
            {
                violations.Add(new SchemaViolation { Feature = tensor.Name, Kind = "nan", Detail = "NaN or infinity" });
            }
        }
    }

    private static void CheckRows(ModelSchema schema, ScoringTensor tensor, IReadOnlyList<string> redact, ICollection<SchemaViolation> violations)
    {
        if (tensor.Type == TensorType.Float32 && schema.Image is { } image)
        {
            // The common large case at the speed of memory: Min and Max give NaN where any value is.
            var pixels = tensor.AsSpan<float>();
            var (low, high) = (TensorPrimitives.Min(pixels), TensorPrimitives.Max(pixels));
            if (float.IsNaN(low) || float.IsNaN(high) || float.IsInfinity(low) || float.IsInfinity(high))
            {
                violations.Add(new SchemaViolation { Feature = schema.Features[0].Name, Kind = "nan", Detail = "NaN or infinity" });
            }
            else if (low < image.Minimum || high > image.Maximum)
            {
                violations.Add(new SchemaViolation
                {
                    Feature = schema.Features[0].Name,
                    Kind = "range",
                    Detail = IsSecret(schema.Features[0]) ? "values out of range" : string.Create(CultureInfo.InvariantCulture, $"values from {low} to {high}, allowed {image.Minimum} to {image.Maximum}"),
                });
            }

            return;
        }

        var rows = (int)tensor.Rows;
        var column = 0;
        foreach (var feature in schema.Features)
        {
            var (nan, category, range) = (0, 0, 0);
            double firstCategory = 0, firstRange = 0;
            for (var row = 0; row < rows; row++)
            {
                for (var offset = 0; offset < feature.Width; offset++)
                {
                    var value = ValueAt(tensor, (row * schema.Width) + column + offset);
                    if (!double.IsFinite(value))
                    {
                        nan++;
                    }
                    else if (feature.Type == FeatureType.Categorical && feature.Categories.Count > 0)
                    {
                        if ((value != Math.Floor(value) || value < 0 || value >= feature.Categories.Count) && category++ == 0)
                        {
                            firstCategory = value;
                        }
                    }
                    else if ((value < (feature.Minimum ?? double.NegativeInfinity) || value > (feature.Maximum ?? double.PositiveInfinity)) && range++ == 0)
                    {
                        firstRange = value;
                    }
                }
            }

            column += feature.Width;
            Add(feature, "nan", nan, double.NaN);
            Add(feature, "category", category, firstCategory);
            Add(feature, "range", range, firstRange);
        }

        bool IsSecret(FeatureSchema feature) => feature.Sensitive || redact.Contains(feature.Name);

        void Add(FeatureSchema feature, string kind, int count, double first)
        {
            if (count > 0 && violations.Count < MaxViolations)
            {
                violations.Add(new SchemaViolation
                {
                    Feature = feature.Name,
                    Kind = kind,
                    Detail = IsSecret(feature) ? $"{count} of {rows} rows" : string.Create(CultureInfo.InvariantCulture, $"{count} of {rows} rows, first {first}"),
                });
            }
        }
    }

    private static double ValueAt(ScoringTensor tensor, int index) => tensor.Type switch
    {
        TensorType.Float32 => tensor.AsSpan<float>()[index],
        TensorType.Float64 => tensor.AsSpan<double>()[index],
        TensorType.Float16 => (double)tensor.AsSpan<Half>()[index],
        _ => TensorData.ReadInteger(tensor.Type, tensor.Data.Span[(index * tensor.Type.Size())..]),
    };
}
