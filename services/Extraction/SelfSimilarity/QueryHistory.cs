using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>One client's last distinct queries, projected, and how many lay around an earlier one.</summary>
internal sealed class QueryHistory : IClientState<QueryHistory>
{
    private const byte Version = 2;
    private readonly List<Half> _projected = [];
    private int _next;

    public RecentInputs Recent { get; private set; } = new();

    /// <summary>Queries that had an earlier one to lie around, and those that did.</summary>
    public long Draws { get; private set; }

    public long Near { get; private set; }

    /// <summary>Distance to the nearest earlier query; infinite for the first.</summary>
    public float Nearest(ReadOnlySpan<float> projected)
    {
        var nearest = float.PositiveInfinity;
        Span<float> earlier = stackalloc float[Projection.Width];
        var all = CollectionsMarshal.AsSpan(_projected);
        for (var start = 0; start < all.Length; start += Projection.Width)
        {
            TensorPrimitives.ConvertToSingle(all.Slice(start, Projection.Width), earlier);
            nearest = Math.Min(nearest, TensorPrimitives.Distance<float>(earlier, projected));
        }

        return nearest;
    }

    public void Count(bool near)
    {
        Draws++;
        Near += near ? 1 : 0;
    }

    /// <summary>Remembers a query in the place of the oldest of <paramref name="capacity"/>.</summary>
    public void Remember(ReadOnlySpan<float> projected, int capacity)
    {
        for (var i = 0; i < projected.Length; i++)
        {
            var value = (Half)projected[i];
            if (_projected.Count < capacity * Projection.Width)
            {
                _projected.Add(value);
            }
            else
            {
                _projected[(_next * Projection.Width) + i] = value;
            }
        }

        _next = (_next + 1) % capacity;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        Recent.Write(writer);
        writer.WriteCount(Draws);
        writer.WriteCount(Near);
        writer.WriteCount(_next);
        writer.WriteBytes(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_projected)));
    }

    public static QueryHistory Read(ref CanonicalReader reader)
    {
        StateVersion.Expect(ref reader, Version, "self-similarity");
        var history = new QueryHistory { Recent = RecentInputs.Read(ref reader), Draws = reader.ReadCount(), Near = reader.ReadCount(), _next = checked((int)reader.ReadCount()) };
        var values = MemoryMarshal.Cast<byte, Half>(reader.ReadBytes());
        if (values.Length % Projection.Width != 0)
        {
            throw new InvalidDataException("a history of queries of impossible size");
        }

        history._projected.AddRange(values);
        return history;
    }
}
