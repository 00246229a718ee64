using System.Buffers;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary>What <c>query-similarity</c> learnt from the profile.</summary>
internal sealed record QuerySimilarityParameters
{
    private const byte Version = 1;

    /// <summary>Keyed check value: the profile was fitted under this key.</summary>
    public required ulong KeyCheck { get; init; }

    /// <summary>Most cells along the longer side; 0 for rows.</summary>
    public int Cells { get; init; }

    /// <summary>Side of a patch in cells; 0 for rows.</summary>
    public int Patch { get; init; }

    /// <summary>q, in levels of 255.</summary>
    public double Step { get; init; }

    /// <summary>τ: shared hashes that link.</summary>
    public required int Threshold { get; init; }

    /// <summary>ρ: probability that an honest lineage grows once more.</summary>
    public required double Growth { get; init; }

    /// <summary>Mean length of a fingerprint in the profile.</summary>
    public required double HashesPerQuery { get; init; }

    /// <summary>Rows only: per column, values of the profile at equal steps of rank.</summary>
    public float[][] Knots { get; init; } = [];

    public required FrequentHashes Frequent { get; init; }

    public ReadOnlyMemory<byte> ToBytes()
    {
        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteUInt64(KeyCheck);
        writer.WriteCount(Cells);
        writer.WriteCount(Patch);
        writer.WriteDouble(Step);
        writer.WriteCount(Threshold);
        writer.WriteDouble(Growth);
        writer.WriteDouble(HashesPerQuery);
        writer.WriteCount(Knots.Length);
        foreach (var knots in Knots)
        {
            writer.WriteDoubles(Array.ConvertAll(knots, k => (double)k));
        }

        Frequent.Write(writer);
        return output.WrittenMemory;
    }

    public static QuerySimilarityParameters FromBytes(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of query-similarity in an unknown version; fit again");
        }

        var keyCheck = reader.ReadUInt64();
        var cells = (int)reader.ReadCount();
        var patch = (int)reader.ReadCount();
        var step = reader.ReadDouble();
        var threshold = (int)reader.ReadCount();
        var growth = reader.ReadDouble();
        var hashes = reader.ReadDouble();
        var knots = new float[reader.ReadLength(1)][];
        for (var i = 0; i < knots.Length; i++)
        {
            knots[i] = Array.ConvertAll(reader.ReadDoubles(), k => (float)k);
        }

        var frequent = FrequentHashes.Read(ref reader);
        reader.ExpectEnd();
        return new QuerySimilarityParameters
        {
            KeyCheck = keyCheck,
            Cells = cells,
            Patch = patch,
            Step = step,
            Threshold = threshold,
            Growth = growth,
            HashesPerQuery = hashes,
            Knots = knots,
            Frequent = frequent,
        };
    }

    /// <summary>The fingerprinter of these parameters.</summary>
    public Fingerprinter CreateFingerprinter(ModelDescription model, FingerprintDefinition definition, FingerprintKey key)
    {
        if (definition == FingerprintDefinition.Published)
        {
            var image = model.Schema.Image;
            return new PublishedFingerprinter(PublishedFingerprinter.Salt(model.Width, key), model.Width > 12_288 ? 50 : 20, image?.Minimum ?? 0, image?.Maximum ?? 1);
        }

        return model.Schema.Image is { } layout
            ? new ImageFingerprinter(layout, Cells, Patch, Step, key)
            : new RowFingerprinter(Knots, Step, key);
    }
}
