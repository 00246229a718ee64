using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>Evasion that the monitors were not chosen beside: what is a drill too, and more.</summary>
internal static class UnseenAttacks
{
    public static IReadOnlyList<IEvasionAttack> All { get; } =
    [
        .. EvasionAttacks.Unseen,
        new ZooAttack(),
        new NesAttack("nes-wide", 0.01, pairs: 10),
        new ParsimoniousAttack(),
        new FewPixelsAttack(),
        new MixingAttack(),
        new GeodaAttack(),
        new MaskedAttack("nes-8-bit", new NesAttack("nes", 0.02), Masks.Bytes),
        new MaskedAttack("simba-dct-compressed", new SimbaAttack(cosines: true), Masks.Compressed),
        new MaskedAttack("boundary-8-bit", new BoundaryAttack(), Masks.Bytes),
        new TargetedAttack(new NesAttack("nes", 0.01)),
        new TargetedAttack(new SimbaAttack(cosines: true)),
        new TargetedAttack(new HopSkipJumpAttack()),
    ];
}
