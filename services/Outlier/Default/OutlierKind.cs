using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>The kind <c>outlier</c>; see README.md beside it.</summary>
public sealed class OutlierKind(NeighbourSearches searches) : RowOutlierKind<OutlierOptions>
{
    private const byte ImageVersion = 101;
    private const int MinimumImages = 20;

    // 64 MiB of single-precision numbers a profile.
    private const long MaximumValues = 16L << 20;

    public override string Name => "outlier";

    public override string Description => "Rows unlike the reference: a calibrated combination that needs no tuning.";

    private protected override bool LeavesOneOut => true;

    private protected override IRowScorer Build(ReadOnlySpan<double> reference, RowEncoder encoder, OutlierOptions options, ulong seed) =>
        new ReferenceViews(reference, encoder.Columns, Scalings(reference, encoder), searches.Of(NeighbourSearchKind.Auto));

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, OutlierOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Model.Schema.Image is null ? base.FitAsync(context, options, cancellationToken) : ValueTask.FromResult(FitImages(context, options));
    }

    protected override IMonitor Create(MonitorContext context, OutlierOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Model.Schema.Image is null ? base.Create(context, options) : CreateImages(context);
    }

    private FittedParameters FitImages(FitContext context, OutlierOptions options)
    {
        var all = context.Reference.All;
        var embedding = context.Model.IndexOf(OutputRole.Embedding);
        var width = all.Width + (all.HasOutput(embedding) ? context.Model.Outputs[embedding].Width : 0);
        var keep = Sample(all, Math.Min(options.MaximumReference, (int)Math.Max(MinimumImages, MaximumValues / Math.Max(1, width))), context.Seed);
        if (keep.Length < MinimumImages)
        {
            throw new FitException($"outlier needs at least {MinimumImages} reference rows to fit on, got {keep.Length}");
        }

        if (!all.HasOutput(embedding))
        {
            context.Warn("the model exports no embedding: images are compared by their pixels and statistics alone");
        }

        var rows = all.Select(keep);
        var repair = RowRepair.Learn(rows);
        var images = new ImageScores(rows, repair, searches.Of(NeighbourSearchKind.Auto));
        var looks = images.ReferenceScores(context.Seed);
        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(ImageVersion);
        repair.Save(output);
        writer.WriteBytes(MemoryMarshal.AsBytes(rows.Inputs.Span));
        writer.WriteBytes(rows.HasOutput(embedding) ? MemoryMarshal.AsBytes(rows.Outputs(embedding).Span) : []);
        writer.WriteDoubles(looks);
        var scores = new float[keep.Length];
        Monitor(images, looks).Combine(looks, scores);
        return new FittedParameters(output.WrittenMemory.ToArray(), [new CalibrationColumn(0, keep, Array.ConvertAll(scores, s => (double)s))]);
    }

    private ImageOutlierMonitor CreateImages(MonitorContext context)
    {
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != ImageVersion)
        {
            throw new InvalidDataException("outlier: parameters of an unknown version; fit again");
        }

        var repair = RowRepair.Restore(ref reader);
        var pixels = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        var embeddings = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        var looks = reader.ReadDoubles();
        reader.ExpectEnd();
        var embedding = context.Model.IndexOf(OutputRole.Embedding);
        float[][]? outputs = embedding < 0 ? null : [.. context.Model.Outputs.Select((_, o) => o == embedding ? embeddings : [])];
        var reference = ReferenceData.FromMatrix(context.Model, pixels, pixels.Length / context.Model.Width, outputs);
        return Monitor(new ImageScores(reference, repair, searches.Of(NeighbourSearchKind.Auto)), looks);
    }

    private static ImageOutlierMonitor Monitor(ImageScores images, double[] looks)
    {
        var names = ImageScores.Names.Count;
        return new ImageOutlierMonitor(images, new SurprisalMaximum([.. Enumerable.Range(0, names).Select(n => looks.Where((_, i) => i % names == n).ToArray())]));
    }

    // By the standard deviation, and by the range: a column that is seldom anything but one value (a pixel, a count) is stretched by the former, one with a few far values squeezed by
    // the latter. Neither depends on the units.
    private static double[][] Scalings(ReadOnlySpan<double> reference, RowEncoder encoder)
    {
        var own = new double[encoder.Columns];
        Array.Fill(own, 1);
        if (!encoder.Standardises)
        {
            return [own];
        }

        double[] low = [.. reference[..own.Length]], high = [.. low], range = new double[own.Length];
        for (var i = 0; i < reference.Length; i += own.Length)
        {
            var row = reference.Slice(i, own.Length);
            TensorPrimitives.Min(low, row, low);
            TensorPrimitives.Max(high, row, high);
        }

        for (var c = 0; c < range.Length; c++)
        {
            range[c] = high[c] > low[c] ? 1 / (high[c] - low[c]) : 1;
        }

        return [own, range];
    }
}
