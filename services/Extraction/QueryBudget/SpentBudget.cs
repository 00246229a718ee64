using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>What one client or cohort has asked, in 32 slices of the period by log time.</summary>
internal sealed class SpentBudget : IClientState<SpentBudget>
{
    private const int Slices = 32;
    private const byte Version = 2;
    private readonly long[] _slices = new long[Slices];
    private RecentInputs _recent = new();
    private long _slice = long.MinValue;

    public long Spent { get; private set; }

    /// <summary>Takes a query; false for an exact repeat, which costs nothing.</summary>
    public bool Spend(ulong hash, long unixNano, long periodNano)
    {
        var slice = unixNano / Math.Max(1, periodNano / Slices);
        if (_slice == long.MinValue)
        {
            _slice = slice;
        }

        // What is older than a period no longer counts.
        for (var steps = Math.Min(Slices, slice - _slice); steps > 0; steps--)
        {
            _slice++;
            Spent -= _slices[(int)(((_slice % Slices) + Slices) % Slices)];
            _slices[(int)(((_slice % Slices) + Slices) % Slices)] = 0;
        }

        _slice = Math.Max(_slice, slice);
        if (!_recent.Admit(hash))
        {
            return false;
        }

        _slices[(int)(((_slice % Slices) + Slices) % Slices)]++;
        Spent++;
        return true;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        writer.WriteSigned(_slice);
        foreach (var slice in _slices)
        {
            writer.WriteCount(slice);
        }

        _recent.Write(writer);
    }

    public static SpentBudget Read(ref CanonicalReader reader)
    {
        StateVersion.Expect(ref reader, Version, "query-budget");
        var budget = new SpentBudget { _slice = reader.ReadSigned() };
        for (var i = 0; i < Slices; i++)
        {
            budget._slices[i] = reader.ReadCount();
        }

        budget.Spent = budget._slices.Sum();
        budget._recent = RecentInputs.Read(ref reader);
        return budget;
    }
}
