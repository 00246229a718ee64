namespace Monitoring.Detection;

/// <summary>The inputs of a model in people's words: one entry per column of the row, or one image entry for all of it.</summary>
public sealed record ModelSchema(IReadOnlyList<FeatureSchema> Features)
{
    /// <summary>Names of the classes in the order of the output; empty when unknown or not a classifier.</summary>
    public IReadOnlyList<string> Classes { get; init; } = [];

    /// <summary>Floats in a row.</summary>
    public int Width { get; } = Features.Sum(f => f.Width);

    /// <summary>The image layout when the whole row is one image; else null.</summary>
    public ImageLayout? Image => Features.Count == 1 ? Features[0].Image : null;

    /// <summary>A schema of <paramref name="width"/> nameless numeric columns <c>x0, x1, …</c>.</summary>
    public static ModelSchema Numeric(int width) =>
        new([.. Enumerable.Range(0, width).Select(i => new FeatureSchema("x" + i.ToString(System.Globalization.CultureInfo.InvariantCulture)))]);

    /// <summary>A schema of one image.</summary>
    public static ModelSchema ForImage(string name, ImageLayout layout) =>
        new([new FeatureSchema(name) { Type = FeatureType.Image, Image = layout }]);
}
