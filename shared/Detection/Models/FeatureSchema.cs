namespace Monitoring.Detection;

/// <summary>A column of the input.</summary>
/// <param name="Name">As people say it; messages use it.</param>
public sealed record FeatureSchema(string Name)
{
    public FeatureType Type { get; init; } = FeatureType.Numeric;

    public string Unit { get; init; } = "";

    /// <summary>Category names; a row holds the index, −1 for a name that is not here. Also the codes of integer-coded categories.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>Smallest allowed value; null for none.</summary>
    public double? Minimum { get; init; }

    /// <summary>Largest allowed value; null for none.</summary>
    public double? Maximum { get; init; }

    /// <summary>Not shown in messages, samples or exports.</summary>
    public bool Sensitive { get; init; }

    /// <summary>Set when <see cref="Type"/> is an image.</summary>
    public ImageLayout? Image { get; init; }

    /// <summary>Floats that the feature takes in a row.</summary>
    public int Width => Image is { } image ? image.Height * image.Width * image.Channels : 1;
}

public enum FeatureType
{
    Numeric,
    Categorical,
    Image,
}

/// <summary>How an image lies in the row.</summary>
/// <param name="Height">Pixels.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Channels">1 or 3 as a rule.</param>
/// <param name="ChannelsFirst">C×H×W instead of H×W×C.</param>
/// <param name="Minimum">Value of black.</param>
/// <param name="Maximum">Value of white.</param>
public sealed record ImageLayout(int Height, int Width, int Channels = 1, bool ChannelsFirst = false, float Minimum = 0, float Maximum = 1)
{
    /// <summary>Position of a pixel's channel in the row.</summary>
    public int ColumnOf(int y, int x, int channel) => ChannelsFirst ? (((channel * Height) + y) * Width) + x : (((y * Width) + x) * Channels) + channel;
}
