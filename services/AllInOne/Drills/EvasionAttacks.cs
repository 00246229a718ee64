namespace Monitoring.AllInOne.Drills;

/// <summary>The query attacks of the drills, with the parameters of <c>docs/reference/detection.md</c>.</summary>
internal static class EvasionAttacks
{
    /// <summary>Attacks that the monitors' forms and parameters were chosen beside, on other victims.</summary>
    public static IReadOnlyList<IEvasionAttack> All { get; } =
    [
        new NesAttack("nes", 0.001),
        new SimbaAttack(cosines: false),
        new SimbaAttack(cosines: true),
        new SquareAttack("square"),
        new BoundaryAttack(),
        new HopSkipJumpAttack(),
        new AdaptiveNesAttack(),
        new NesAttack("nes-noise-0.1", 0.1),
        new NesAttack("nes-noise-0.3", 0.3),
        new HopSkipJumpAttack(widening: 2),
        new SquareAttack("adaptive-square", epsilon: 0.3, share: 0.5, masking: 0.05),
    ];

    /// <summary>Attacks written when the monitors were done: nothing was chosen beside them (<c>docs/reference/unseen.md</c>).</summary>
    public static IReadOnlyList<IEvasionAttack> Unseen { get; } =
    [
        new BanditsAttack(),
        new SignHunterAttack(),
        new GeneticAttack(),
        new RaysAttack(),
        new SignOptAttack(),
        new HopSkipJumpAttack(frequencies: 7),
        new SpatialAttack(),
        new MaskedAttack("square-redrawn", new SquareAttack("square"), Redraw),
        new MaskedAttack("nes-redrawn", new NesAttack("nes", 0.1), Redraw),
        new TargetedAttack(new SquareAttack("square")),
    ];

    /// <summary>Every attack.</summary>
    public static IEnumerable<IEvasionAttack> Everything => All.Concat(Unseen);

    /// <summary>Square grey images turned by up to five degrees and moved by up to three quarters of a pixel.</summary>
    private static float[] Redraw(float[] input, Random random)
    {
        var side = (int)Math.Round(Math.Sqrt(input.Length));
        return CleanClients.Deform(input, side, random, 0.5);
    }
}
