using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>What is kept of one client: how much it asks, and of those that are measured what they asked and were told.</summary>
internal sealed class FidelityClient : IClientState<FidelityClient>
{
    /// <summary>Queries of all clients after which weights halve: who has left makes room by and by.</summary>
    public const long EpochLength = 1_000_000;

    private const byte Version = 3;

    public RecentInputs Recent { get; private set; } = new();

    /// <summary>Distinct queries, halved with every epoch since; as of <see cref="Epoch"/>.</summary>
    public long Weight { get; private set; }

    /// <summary>Epoch of its last query: <see cref="EpochLength"/> queries of all clients.</summary>
    public long Epoch { get; private set; }

    /// <summary>Queries that the regressions have seen: those since the client has been measured.</summary>
    public long Measured { get; set; }

    /// <summary>Whether it has one of the places of measured clients.</summary>
    public bool IsMeasured => OnInputs is not null;

    /// <summary>Regression on features of the input; null of a client that is not measured.</summary>
    public RidgeSums? OnInputs { get; set; }

    /// <summary>Regression on the served model's embedding; null where there is none.</summary>
    public RidgeSums? OnEmbedding { get; set; }

    /// <summary>Measured queries at the next measurement.</summary>
    public long Next { get; set; }

    /// <summary>Its weight in an epoch that is not before its own.</summary>
    public long WeightIn(long epoch) => Weight >> (int)Math.Min(62, epoch - Epoch);

    /// <summary>Counts a distinct query.</summary>
    public void Weigh(long epoch) => (Weight, Epoch) = (WeightIn(epoch) + 1, epoch);

    /// <summary>Gives its place to another; what it asked is forgotten, how much it asked is not.</summary>
    public void Displace() => (OnInputs, OnEmbedding, Measured, Next) = (null, null, 0, 0);

    public void Write(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        Recent.Write(writer);
        writer.WriteCount(Weight);
        writer.WriteCount(Epoch);
        writer.WriteCount(Measured);
        writer.WriteCount(Next);
        writer.WriteByte((byte)((OnInputs is null ? 0 : 1) | (OnEmbedding is null ? 0 : 2)));
        OnInputs?.Write(writer);
        OnEmbedding?.Write(writer);
    }

    public static FidelityClient Read(ref CanonicalReader reader)
    {
        StateVersion.Expect(ref reader, Version, "surrogate-fidelity");
        var client = new FidelityClient { Recent = RecentInputs.Read(ref reader), Weight = reader.ReadCount(), Epoch = reader.ReadCount(), Measured = reader.ReadCount(), Next = reader.ReadCount() };
        var parts = reader.ReadByte();
        client.OnInputs = (parts & 1) != 0 ? RidgeSums.Read(ref reader) : null;
        client.OnEmbedding = (parts & 2) != 0 ? RidgeSums.Read(ref reader) : null;
        return client;
    }
}
