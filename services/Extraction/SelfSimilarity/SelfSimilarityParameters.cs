using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>What <c>self-similarity</c> learnt from the profile.</summary>
/// <param name="Scales">Factor on each column.</param>
/// <param name="Near">Projected distance up to which a query lies around an earlier one, by predicted class, and at last for queries of none; 0 where that cannot be told.</param>
/// <param name="Copy">Projected distance up to which it is a near copy instead.</param>
/// <param name="Share">Mean share of such queries over honest clients.</param>
/// <param name="Concentration">How alike honest clients are in it.</param>
/// <param name="Frequent">Keyed hashes of inputs that several of the profile's clients sent; null where clients share too much to be linked by it.</param>
internal sealed record SelfSimilarityParameters(float[] Scales, double[] Near, double Copy, double Share, double Concentration, IReadOnlyList<ulong>? Frequent)
{
    private const byte Version = 3;

    /// <summary>Distance up to which a query with this answer lies around an earlier one.</summary>
    public double NearOf(int predicted) => Near[predicted >= 0 && predicted < Near.Length - 1 ? predicted : ^1];

    public ReadOnlyMemory<byte> ToBytes()
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteDoubles(Array.ConvertAll(Scales, s => (double)s));
        writer.WriteDoubles(Near);
        writer.WriteDouble(Copy);
        writer.WriteDouble(Share);
        writer.WriteDouble(Concentration);
        SharedQueries.WriteFrequent(writer, Frequent);
        return output.WrittenMemory;
    }

    public static SelfSimilarityParameters FromBytes(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of self-similarity in an unknown version; fit again");
        }

        var scales = Array.ConvertAll(reader.ReadDoubles(), s => (float)s);
        var parameters = new SelfSimilarityParameters(scales, reader.ReadDoubles(), reader.ReadDouble(), reader.ReadDouble(), reader.ReadDouble(), SharedQueries.ReadFrequent(ref reader));
        reader.ExpectEnd();
        return parameters;
    }
}
