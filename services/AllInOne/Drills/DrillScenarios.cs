namespace Monitoring.AllInOne.Drills;

/// <summary>Names of everything a drill can run.</summary>
internal static class DrillScenarios
{
    public const string Unlike = "unlike-training";
    public const string Membership = "membership-probing";
    private const string Accounts = "-20-accounts";

    private static readonly string[] s_transfers = ["transfer-fgsm", "transfer-pgd", "transfer-patch"];

    public static IReadOnlyList<string> Names { get; } =
    [
        .. EvasionAttacks.All.Select(a => a.Name),
        .. s_transfers,
        "nes" + Accounts,
        "hopskipjump" + Accounts,
        .. Enum.GetValues<ExtractionStrategy>().Select(s => new ExtractionAttack(s, []).Name),
        "extraction-out-of-distribution" + Accounts,
        "extraction-synthetic" + Accounts,
        Membership,
        Unlike,
        .. EvasionAttacks.Unseen.Select(a => a.Name),
    ];

    /// <summary>Whether the attack draws squares, stripes, patches or waves, or turns and moves images.</summary>
    public static bool NeedsSquareImage(string name) => Parse(name).Base is "simba-dct" or "square" or "adaptive-square" or "transfer-patch" or "qeba" or "spatial" or "square-redrawn" or "nes-redrawn" or "square-targeted";

    /// <summary>The scenario without its way of sharing work, and how many accounts share it.</summary>
    public static (string Base, int Accounts) Parse(string name) =>
        name.EndsWith(Accounts, StringComparison.Ordinal) ? (name[..^Accounts.Length], 20) : (name, 1);

    /// <summary>The evasion attack of that name; null for another scenario. Transferred ones need a surrogate trained on the attacker's own data.</summary>
    public static IEvasionAttack? Evasion(string name, Func<SurrogateNetwork> surrogate) =>
        Array.IndexOf(s_transfers, name) is >= 0 and var transfer
            ? new TransferAttack((TransferMethod)transfer, surrogate())
            : EvasionAttacks.Everything.FirstOrDefault(a => a.Name == name);

    /// <summary>The extraction attack of that name; null for another scenario.</summary>
    public static ExtractionAttack? Extraction(string name, IReadOnlyList<float[]> pool) =>
        Enum.GetValues<ExtractionStrategy>().Select(s => new ExtractionAttack(s, pool)).FirstOrDefault(a => a.Name == name);
}
