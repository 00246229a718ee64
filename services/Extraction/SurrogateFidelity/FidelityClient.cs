using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>What is kept of one client's queries and answers.</summary>
internal sealed class FidelityClient : IClientState<FidelityClient>
{
    private const byte Version = 2;

    public RecentInputs Recent { get; private set; } = new();

    /// <summary>Regression on features of the input; null before the first query.</summary>
    public RidgeSums? OnInputs { get; set; }

    /// <summary>Regression on the served model's embedding; null where there is none.</summary>
    public RidgeSums? OnEmbedding { get; set; }

    /// <summary>Queries at the next measurement.</summary>
    public long Next { get; set; }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        Recent.Write(writer);
        writer.WriteCount(Next);
        writer.WriteByte((byte)((OnInputs is null ? 0 : 1) | (OnEmbedding is null ? 0 : 2)));
        OnInputs?.Write(writer);
        OnEmbedding?.Write(writer);
    }

    public static FidelityClient Read(ref CanonicalReader reader)
    {
        StateVersion.Expect(ref reader, Version, "surrogate-fidelity");
        var client = new FidelityClient { Recent = RecentInputs.Read(ref reader), Next = reader.ReadCount() };
        var parts = reader.ReadByte();
        client.OnInputs = (parts & 1) != 0 ? RidgeSums.Read(ref reader) : null;
        client.OnEmbedding = (parts & 2) != 0 ? RidgeSums.Read(ref reader) : null;
        return client;
    }
}
