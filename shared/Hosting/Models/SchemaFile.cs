using System.Text.Json;
using System.Text.Json.Serialization;
using Monitoring.Detection;

namespace Monitoring.Hosting;

/// <summary>
/// The JSON file behind <c>models[].schema</c>: <c>features</c> (name, type number or category, unit, minimum, maximum, categories,
/// sensitive) or <c>input.image</c> (layout NCHW or NHWC, height, width, channels, minimum, maximum), and <c>classes</c>.
/// Unknown keys are notes for people.
/// </summary>
public static class SchemaFile
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        AllowTrailingCommas = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Reads a schema. Throws <see cref="InvalidDataException"/> naming the file and what is wrong with it.</summary>
    public static ModelSchema Read(string file)
    {
        Document document;
        try
        {
            using var stream = File.OpenRead(file);
            document = JsonSerializer.Deserialize<Document>(stream, s_json) ?? throw new InvalidDataException($"{file}: is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}", e);
        }

        if (document.Input?.Image is { } image)
        {
            if (image.Height < 1 || image.Width < 1 || image.Channels < 1 || !(image.Maximum > image.Minimum))
            {
                throw new InvalidDataException($"{file}: input.image: height, width and channels must be positive, maximum above minimum");
            }

            var layout = new ImageLayout(image.Height, image.Width, image.Channels, image.Layout != "NHWC", (float)image.Minimum, (float)image.Maximum);
            return ModelSchema.ForImage(document.Input.Name ?? "image", layout) with { Classes = document.Classes ?? [] };
        }

        if (document.Features is not { Count: > 0 } features)
        {
            throw new InvalidDataException($"{file}: neither features nor input.image");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var feature in features)
        {
            if (string.IsNullOrWhiteSpace(feature.Name) || !names.Add(feature.Name))
            {
                throw new InvalidDataException($"{file}: feature '{feature.Name}' has no name, or one that is there twice");
            }

            if (feature.Type == FeatureKind.Category && feature.Categories is not { Count: > 0 })
            {
                throw new InvalidDataException($"{file}: feature '{feature.Name}' is a category without categories");
            }
        }

        return new ModelSchema([.. features.Select(f => new FeatureSchema(f.Name!)
        {
            Type = f.Type == FeatureKind.Category ? FeatureType.Categorical : FeatureType.Numeric,
            Unit = f.Unit ?? "",
            Categories = f.Categories ?? [],
            Minimum = f.Minimum,
            Maximum = f.Maximum,
            Sensitive = f.Sensitive,
        })])
        { Classes = document.Classes ?? [] };
    }

    private enum FeatureKind
    {
        Number,
        Category,
    }

    private sealed record Document(InputPart? Input, IReadOnlyList<FeaturePart>? Features, IReadOnlyList<string>? Classes);

    private sealed record InputPart(string? Name, ImagePart? Image);

    private sealed record ImagePart(int Height, int Width, string? Layout, int Channels = 1, double Minimum = 0, double Maximum = 1);

    private sealed record FeaturePart(string? Name, FeatureKind Type, string? Unit, double? Minimum, double? Maximum, IReadOnlyList<string>? Categories, bool Sensitive);
}
