using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>One client's, or one cohort's, last queries: an exact repeat is none, and several versions of one input say no more about who asks than one of them does.</summary>
internal sealed class PatternClient : IClientState<PatternClient>
{
    private const int Compared = 4;
    private const byte Version = 2;
    private readonly List<Half> _last = [];
    private int _next;

    public RecentInputs Recent { get; private set; } = new();

    /// <summary>How often each number fell into each bin, numbers × <see cref="StrangeTails.Bins"/>; empty before the first.</summary>
    public long[] Counts { get; set; } = [];

    /// <summary>True for a query that counts: not one of the last inputs, and no version of one of the last four that counted.</summary>
    /// <param name="hash">Keyed hash of the input.</param>
    /// <param name="projected">The input, projected.</param>
    /// <param name="version">Distance up to which it is a version.</param>
    public bool Admit(ulong hash, ReadOnlySpan<float> projected, double version)
    {
        if (!Recent.Admit(hash))
        {
            return false;
        }

        Span<float> earlier = stackalloc float[Projection.Width];
        var all = CollectionsMarshal.AsSpan(_last);
        for (var start = 0; start < all.Length; start += Projection.Width)
        {
            TensorPrimitives.ConvertToSingle(all.Slice(start, Projection.Width), earlier);
            if (TensorPrimitives.Distance<float>(earlier, projected) <= version)
            {
                return false;
            }
        }

        for (var i = 0; i < projected.Length; i++)
        {
            if (_last.Count < Compared * Projection.Width)
            {
                _last.Add((Half)projected[i]);
            }
            else
            {
                _last[(_next * Projection.Width) + i] = (Half)projected[i];
            }
        }

        _next = (_next + 1) % Compared;
        return true;
    }

    public void Write(CanonicalWriter writer)
    {
        writer.WriteByte(Version);
        Recent.Write(writer);
        writer.WriteCount(Counts.Length);
        foreach (var count in Counts)
        {
            writer.WriteCount(count);
        }

        writer.WriteCount(_next);
        writer.WriteBytes(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(_last)));
    }

    public static PatternClient Read(ref CanonicalReader reader)
    {
        StateVersion.Expect(ref reader, Version, "query-pattern");
        var client = new PatternClient { Recent = RecentInputs.Read(ref reader), Counts = new long[reader.ReadLength(1)] };
        for (var i = 0; i < client.Counts.Length; i++)
        {
            client.Counts[i] = reader.ReadCount();
        }

        client._next = checked((int)reader.ReadCount());
        var values = MemoryMarshal.Cast<byte, Half>(reader.ReadBytes());
        if (values.Length % Projection.Width != 0 || values.Length > Compared * Projection.Width || client._next >= Compared)
        {
            throw new InvalidDataException("last queries of impossible size");
        }

        client._last.AddRange(values);
        return client;
    }
}
