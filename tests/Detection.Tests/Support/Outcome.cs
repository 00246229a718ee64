using Monitoring.Contracts;

namespace Monitoring.Detection.Tests.Support;

/// <summary>What a run came to.</summary>
/// <param name="Findings">Findings, once each, by position.</param>
/// <param name="FindingBytes">Their canonical bytes.</param>
/// <param name="Evidence">State, evidence and digest of every monitor.</param>
internal sealed record Outcome(IReadOnlyList<Finding> Findings, string FindingBytes, string Evidence)
{
    /// <summary>Bit for bit.</summary>
    public void AssertSame(Outcome actual)
    {
        Assert.Equal(FindingBytes, actual.FindingBytes);
        Assert.Equal(Evidence, actual.Evidence);
    }
}
