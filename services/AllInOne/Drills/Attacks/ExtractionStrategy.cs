namespace Monitoring.AllInOne.Drills;

/// <summary>What a thief asks to copy a model.</summary>
internal enum ExtractionStrategy
{
    /// <summary>Inputs of the model's own domain: undetectable by pattern, in principle.</summary>
    Natural,

    /// <summary>Natural images of another domain: here digits turned upside down, mirrored and inverted.</summary>
    OutOfDistribution,

    /// <summary>Synthetic queries around a few seeds along the copy's gradient (Papernot et al., AsiaCCS 2017).</summary>
    Synthetic,

    /// <summary>Uniform noise.</summary>
    Noise,

    /// <summary>Points of a grid over the range of every column, in random order: the equation-solving and path-finding thieves of tables (Tramèr et al., USENIX Security 2016).</summary>
    Lattice,

    /// <summary>Of a pool of natural inputs, those that the copy is least sure of.</summary>
    Active,
}
