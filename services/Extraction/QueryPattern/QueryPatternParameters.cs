using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>Clean inputs, and their embeddings where there are any, as neighbours.</summary>
internal sealed record QueryPatternParameters(Matrix<float> Inputs, Matrix<float>? Embeddings)
{
    private const byte Version = 1;

    public ReadOnlyMemory<byte> ToBytes()
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        Write(writer, Inputs);
        writer.WriteByte(Embeddings is null ? (byte)0 : (byte)1);
        if (Embeddings is { } embeddings)
        {
            Write(writer, embeddings);
        }

        return output.WrittenMemory;
    }

    public static QueryPatternParameters FromBytes(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of query-pattern in an unknown version; fit again");
        }

        var inputs = Read(ref reader);
        return new QueryPatternParameters(inputs, reader.ReadByte() == 1 ? Read(ref reader) : null);
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
