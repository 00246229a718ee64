using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Leakage;

/// <summary>One client's distinct recent records and hits, and its likelihood ratios against the alternatives.</summary>
internal sealed class MemberClient : IClientState<MemberClient>
{
    private const int Remembered = 256;
    private readonly Queue<ulong> _recent = new();
    private readonly HashSet<ulong> _known = [];

    public long Records { get; private set; }

    public long Hits { get; private set; }

    public long SinceOffset { get; private set; }

    public long SinceUnixNano { get; private set; }

    /// <summary>ln of the likelihood ratio for every alternative; empty at first.</summary>
    public double[] LogRatios { get; private set; } = [];

    /// <summary>ln of their mean: an e-process for a client drawn from the population of honest ones.</summary>
    public double LogEvidence
    {
        get
        {
            var greatest = LogRatios.Max();
            return greatest + Math.Log(LogRatios.Average(l => Math.Exp(l - greatest)));
        }
    }

    /// <summary>False for one of the client's last 256 distinct records.</summary>
    public bool Admit(ulong hash, in RowInfo row)
    {
        if (!_known.Add(hash))
        {
            return false;
        }

        if (_recent.Count == Remembered)
        {
            _known.Remove(_recent.Dequeue());
        }

        _recent.Enqueue(hash);
        if (Records == 0)
        {
            SinceOffset = row.Offset;
            SinceUnixNano = row.TimeUnixNano;
        }

        return true;
    }

    /// <summary>The null predicts a hit with (a + hits)/(a + b + records): the beta-binomial population of honest clients.</summary>
    public void Update(bool hit, double a, double b, double[] alternatives)
    {
        if (LogRatios.Length == 0)
        {
            LogRatios = new double[alternatives.Length];
        }

        var chance = (a + Hits) / (a + b + Records);
        for (var i = 0; i < alternatives.Length; i++)
        {
            LogRatios[i] += hit ? Math.Log(alternatives[i] / chance) : Math.Log((1 - alternatives[i]) / (1 - chance));
        }

        Records++;
        Hits += hit ? 1 : 0;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteCount(Records);
        writer.WriteCount(Hits);
        writer.WriteSigned(SinceOffset);
        writer.WriteSigned(SinceUnixNano);
        writer.WriteDoubles(LogRatios);
        writer.WriteCount(_recent.Count);
        foreach (var hash in _recent)
        {
            writer.WriteUInt64(hash);
        }
    }

    public static MemberClient Read(ref CanonicalReader reader)
    {
        var client = new MemberClient
        {
            Records = reader.ReadCount(),
            Hits = reader.ReadCount(),
            SinceOffset = reader.ReadSigned(),
            SinceUnixNano = reader.ReadSigned(),
            LogRatios = reader.ReadDoubles(),
        };
        for (var left = reader.ReadLength(8); left > 0; left--)
        {
            var hash = reader.ReadUInt64();
            client._recent.Enqueue(hash);
            client._known.Add(hash);
        }

        return client;
    }
}
