using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>A test of a whole window of encoded rows against the reference, for people.</summary>
internal interface IWindowTest
{
    TestResult Test(ReadOnlyMemory<float> window, ulong seed);
}
