namespace Monitoring.AllInOne.Drills;

/// <summary>The query attacks of the drills, with the parameters of <c>docs/reference/detection.md</c>.</summary>
internal static class EvasionAttacks
{
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
}
