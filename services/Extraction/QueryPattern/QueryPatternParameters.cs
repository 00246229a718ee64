using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>Clean inputs, and their embeddings where there are any, as neighbours.</summary>
/// <param name="Inputs">Clean inputs, scaled.</param>
/// <param name="Embeddings">Their embeddings; null where there are none.</param>
/// <param name="Scales">Factor on every column, so that miles do not drown weekdays: 1 for images, 1/standard deviation for rows, 0 for a constant column.</param>
/// <param name="Version">Projected distance up to which a query is a version of another one.</param>
/// <param name="Within">What clean queries of each class have, per variable; empty while that is being found out.</param>
/// <param name="Tails">How strange clean queries are, per number; empty while that is being found out.</param>
/// <param name="Frequent">Keyed hashes of inputs that several of the profile's clients sent; null where clients share too much to be linked by it.</param>
/// <param name="Pairs">Columns of rows that depend on each other; null for images and where none do.</param>
internal sealed record QueryPatternParameters(Matrix<float> Inputs, Matrix<float>? Embeddings, float[] Scales, double Version, IReadOnlyList<WithinClass> Within, IReadOnlyList<StrangeTails> Tails, IReadOnlyList<ulong>? Frequent, ColumnPairs? Pairs)
{
    private const byte Format = 5;

    /// <summary>Rows in units of the columns' spread; values that are not finite count as 0.</summary>
    public static Matrix<float> Scale(ReadOnlyMemory<float> inputs, int rows, float[] scales)
    {
        if (Array.TrueForAll(scales, s => s == 1))
        {
            return new Matrix<float>(inputs, rows, scales.Length);
        }

        var scaled = inputs[..(rows * scales.Length)].ToArray();
        for (var i = 0; i < scaled.Length; i++)
        {
            var value = scaled[i] * scales[i % scales.Length];
            scaled[i] = float.IsFinite(value) ? value : 0;
        }

        return new Matrix<float>(scaled, rows, scales.Length);
    }

    public ReadOnlyMemory<byte> ToBytes()
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Format);
        writer.WriteBytes(MemoryMarshal.AsBytes<float>(Scales));
        Write(writer, Inputs);
        writer.WriteByte(Embeddings is null ? (byte)0 : (byte)1);
        if (Embeddings is { } embeddings)
        {
            Write(writer, embeddings);
        }

        writer.WriteDouble(Version);
        writer.WriteCount(Within.Count);
        foreach (var within in Within)
        {
            within.Write(writer);
        }

        writer.WriteCount(Tails.Count);
        foreach (var tails in Tails)
        {
            tails.Write(writer);
        }

        SharedQueries.WriteFrequent(writer, Frequent);
        writer.WriteByte(Pairs is null ? (byte)0 : (byte)1);
        Pairs?.Write(writer);
        return output.WrittenMemory;
    }

    public static QueryPatternParameters FromBytes(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        if (reader.ReadByte() != Format)
        {
            throw new InvalidDataException("parameters of query-pattern in an unknown version; fit again");
        }

        var scales = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        var inputs = Read(ref reader);
        Matrix<float>? embeddings = reader.ReadByte() == 1 ? Read(ref reader) : null;
        var version = reader.ReadDouble();
        var within = new WithinClass[reader.ReadLength(3)];
        for (var i = 0; i < within.Length; i++)
        {
            within[i] = WithinClass.Read(ref reader);
        }

        var tails = new StrangeTails[reader.ReadLength(3)];
        for (var i = 0; i < tails.Length; i++)
        {
            tails[i] = StrangeTails.Read(ref reader);
        }

        var frequent = SharedQueries.ReadFrequent(ref reader);
        var pairs = reader.ReadByte() == 1 ? ColumnPairs.Read(ref reader) : null;
        reader.ExpectEnd();
        return new QueryPatternParameters(inputs, embeddings, scales, version, within, tails, frequent, pairs);
    }

    private static void Write(CanonicalWriter writer, Matrix<float> matrix)
    {
        writer.WriteCount(matrix.Rows);
        writer.WriteCount(matrix.Columns);
        writer.WriteBytes(MemoryMarshal.AsBytes(matrix.Values.Span));
    }

    private static Matrix<float> Read(ref CanonicalReader reader)
    {
        var (rows, columns) = ((int)reader.ReadCount(), (int)reader.ReadCount());
        return new Matrix<float>(MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray(), rows, columns);
    }
}
