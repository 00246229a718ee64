using System.Reflection;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Monitoring.Detection;

/// <summary>What must be equal for a replay to be bit for bit, and stands in every finding.</summary>
/// <param name="Version">Product version and commit.</param>
/// <param name="Provider">ONNX Runtime version and execution provider, or <c>none</c>.</param>
/// <param name="Cpu">Instruction set extensions in use.</param>
public sealed record BuildIdentity(string Version, string Provider, string Cpu)
{
    /// <summary>Of this process.</summary>
    public static BuildIdentity Current(string provider = "none") =>
        new(typeof(BuildIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown", provider, Extensions());

    private static string Extensions() =>
        Avx512F.IsSupported ? "avx512" : Avx2.IsSupported ? Fma.IsSupported ? "avx2+fma" : "avx2" : AdvSimd.IsSupported ? "neon" : "baseline";
}
