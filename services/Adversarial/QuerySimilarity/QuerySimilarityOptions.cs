using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Adversarial;

/// <summary>Options of <c>query-similarity</c>.</summary>
public sealed record QuerySimilarityOptions
{
    [RegularExpression("^$|^(env|file):.+$", ErrorMessage = "must name a secret, env:NAME or file:PATH"), Description("Secret that keys the fingerprints, env:NAME or file:PATH. Without one the key follows from the monitor's and the model's name, which whoever reads the configuration can compute.")]
    public string Key { get; init; } = "";

    [Description("Which fingerprint: pooled is ours; published is Blacklight's (window of values, no frequency cut), kept for comparison: it flags 1 to 12 % of honest digits.")]
    public FingerprintDefinition Definition { get; init; } = FingerprintDefinition.Pooled;

    [Range(64, 2_000_000), Description("Queries that each of five lists remembers: the newest, three keyed samples that live 8, 64 and 512 times longer, and the ends of links.")]
    public int Remember { get; init; } = 20_000;

    [Range(0, 50), Description("Shared hashes that make two inputs near copies; 0 takes 10, or more where the profile needs it.")]
    public int Threshold { get; init; }

    [Range(0.01, 0.8), Description("Probability that a lineage of honest near copies grows once more. Half covers strangers who re-send near copies again and again; 0.2 suits services that never see augmented copies.")]
    public double Growth { get; init; } = 0.5;

    [Range(0.0001, 0.1), Description("Hashes that a larger share of the profile carries are ignored; rows use at least 0.01.")]
    public double FrequentShare { get; init; } = 0.003;
}

/// <summary>Which fingerprint <c>query-similarity</c> computes.</summary>
public enum FingerprintDefinition
{
    /// <summary>Mean-pooled cells, keyed dither, patches, frequency cut.</summary>
    Pooled,

    /// <summary>Li et al., USENIX Security 2022.</summary>
    Published,
}
