using System.Buffers;
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
        new NeighbourViews(reference, encoder.Columns, Views(encoder), searches.Of(NeighbourSearchKind.Auto));

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

    // The full scaling, and one half way (in logarithms) to the columns' own units, which keeps wide columns wide.
    private static double[][] Views(RowEncoder encoder)
    {
        var full = new double[encoder.Columns];
        var half = new double[encoder.Columns];
        double logs = 0;
        var varying = 0;
        foreach (var deviation in encoder.Deviations)
        {
            logs += deviation == 1 ? 0 : Math.Log(deviation);
            varying += deviation == 1 ? 0 : 1;
        }

        var typical = varying > 0 ? logs / varying : 0;
        for (var c = 0; c < full.Length; c++)
        {
            // A deviation of exactly 1 is a constant column's.
            var deviation = encoder.Deviations[c];
            var exponent = deviation == 1 ? 0 : 0.5 * (Math.Log(deviation) - typical);
            full[c] = encoder.Standardises || deviation == 1 ? 1 : Math.Exp(typical) / deviation;
            half[c] = encoder.Standardises ? Math.Exp(exponent) : 1;
        }

        return encoder.Standardises ? [full, half] : [half];
    }
}
