using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// A kind with <see cref="RowOptions"/>, given the rows that they ask for: projected, and one monitor of the kind per segment. A kind so
/// wrapped sees plain rows and knows of neither.
/// </summary>
public sealed class WatchedRowsKind(IMonitorKind kind, RowGraphs graphs) : IMonitorKind
{
    private const byte Version = 1;

    // Below it a segment has too little reference to be told from the rest.
    private const int MinimumSegmentRows = 100;

    /// <summary>The kind itself.</summary>
    public IMonitorKind Inner { get; } = kind;

    public string Name => Inner.Name;

    public string Description => Inner.Description;

    public Family Family => Inner.Family;

    public Severity DefaultSeverity => Inner.DefaultSeverity;

    public string AtlasTechnique => Inner.AtlasTechnique;

    public MonitorScope Scope => Inner.Scope;

    public Type OptionsType => Inner.OptionsType;

    public async ValueTask<FittedParameters> FitAsync(FitContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = (RowOptions)context.Options;
        var bytes = options.Encoder.Length > 0 ? graphs.Read(Name, "encoder", options.Encoder) : [];
        var projection = Projection(context.Model, options, bytes);
        if (projection is null && options.Segment.Length == 0)
        {
            return await Inner.FitAsync(context, cancellationToken).ConfigureAwait(false);
        }

        var model = projection?.Description ?? context.Model;
        var reference = projection is null ? context.Reference : context.Reference.With(projection.Apply(context.Reference.All, cancellationToken));
        if (projection is not null && reference.All.Count > 0 && !reference.All.Inputs.Span.ContainsAnyExcept(float.NaN))
        {
            throw new FitException($"{Name}: the reference holds no value of what is watched (on: {options.On}); it must come with the model's outputs, and an encoder must be able to embed it");
        }

        var output = new ArrayBufferWriter<byte>();
        new CanonicalWriter(output).WriteByte(Version);
        new CanonicalWriter(output).WriteBytes(bytes);
        var segments = Segments(context, options);
        new CanonicalWriter(output).WriteCount(segments.Count);
        var calibration = new List<CalibrationColumn>();
        var calibrated = true;
        var variables = 0;
        foreach (var (value, rows) in segments)
        {
            var seed = Seed(context.Seed, value);
            var part = segments.Count == 1 ? reference : reference.Select(rows);
            var inner = new FitContext(model, part, options, seed);
            var fitted = await Inner.FitAsync(inner, cancellationToken).ConfigureAwait(false);
            foreach (var warning in inner.Warnings)
            {
                context.Warn(segments.Count == 1 ? warning : $"{Label(context.Model, options.Segment, value)}: {warning}");
            }

            var writer = new CanonicalWriter(output);
            writer.WriteDouble(value);
            writer.WriteBytes(fitted.Bytes.Span);
            calibrated &= fitted.Calibration is not null;
            calibration.AddRange((fitted.Calibration ?? []).Select(c => new CalibrationColumn(variables + c.Variable, segments.Count == 1 ? c.Rows : [.. c.Rows.Select(r => rows[r])], c.Values)));
            variables += Inner.Create(new MonitorContext(Name, model, options, fitted.Bytes, seed)).Variables.Count;
        }

        return new FittedParameters(output.WrittenMemory.ToArray(), calibrated ? calibration : null);
    }

    public IMonitor Create(MonitorContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var options = (RowOptions)context.Options;
        if (options.Encoder.Length == 0 && options.Segment.Length == 0 && Projection(context.Model, options, default) is null)
        {
            return Inner.Create(context);
        }

        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException($"{Name}: parameters of an unknown version");
        }

        var projection = Projection(context.Model, options, reader.ReadBytes().ToArray());
        var model = projection?.Description ?? context.Model;
        var parts = new List<RowSegment>();
        for (var left = reader.ReadLength(9); left > 0; left--)
        {
            var value = reader.ReadDouble();
            var monitor = Inner.Create(context with { Model = model, Parameters = reader.ReadBytes().ToArray(), Seed = Seed(context.Seed, value) });
            parts.Add(new RowSegment(value, Label(context.Model, options.Segment, value), monitor));
        }

        reader.ExpectEnd();
        var column = options.Segment.Length == 0 ? -1 : Column(context.Model, options.Segment);
        return parts.TrueForAll(p => p.Monitor is IWindowedMonitor) ? new WindowedRowsMonitor(projection, column, parts) : new WatchedRowsMonitor(projection, column, parts);
    }

    private RowProjection? Projection(ModelDescription model, RowOptions options, ReadOnlyMemory<byte> encoder) => RowProjection.Of(
        Name,
        model,
        options,
        (Inner as IPrefersOutputs)?.PreferredRows ?? [],
        options.Encoder.Length == 0 ? null : width => graphs.Load($"encoder {Path.GetFileName(options.Encoder)}", encoder, width));

    // NaN stands for the rest, and for all rows where nothing is segmented.
    private List<(double Value, int[] Rows)> Segments(FitContext context, RowOptions options)
    {
        var all = context.Reference.All;
        if (options.Segment.Length == 0)
        {
            return [(double.NaN, [])];
        }

        var column = Column(context.Model, options.Segment);
        var byValue = Enumerable.Range(0, all.Count).ToLookup(r => (double)all.Input(r)[column]);
        var common = byValue.Where(g => double.IsFinite(g.Key) && g.Count() >= MinimumSegmentRows)
            .OrderByDescending(g => g.Count()).ThenBy(g => g.Key).Take(options.Segments).OrderBy(g => g.Key)
            .Select(g => (g.Key, (int[])[.. g])).ToList();
        if (common.Count == 0)
        {
            throw new FitException($"{Name}: no value of '{options.Segment}' comes {MinimumSegmentRows} times in the reference; there is no segment to watch");
        }

        var chosen = common.Select(s => s.Key).ToHashSet();
        int[] rest = [.. byValue.Where(g => !chosen.Contains(g.Key)).SelectMany(g => g).Order()];
        if (rest.Length >= MinimumSegmentRows)
        {
            common.Add((double.NaN, rest));
        }
        else if (rest.Length > 0)
        {
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"{rest.Length} reference rows are in segments too small to watch: such rows are not watched"));
        }

        return common;
    }

    private int Column(ModelDescription model, string name)
    {
        var column = 0;
        foreach (var feature in model.Schema.Features)
        {
            if (feature.Width == 1 && string.Equals(feature.Name, name, StringComparison.Ordinal))
            {
                return column;
            }

            column += feature.Width;
        }

        throw new FitException($"{Name}: model {model.Name} has no column '{name}' to segment by; its columns: {string.Join(", ", model.Schema.Features.Where(f => f.Width == 1).Take(20).Select(f => f.Name))}");
    }

    private static string Label(ModelDescription model, string segment, double value)
    {
        var feature = model.Schema.Features.FirstOrDefault(f => string.Equals(f.Name, segment, StringComparison.Ordinal));
        return segment.Length == 0 ? ""
            : double.IsNaN(value) ? $"other {segment}"
            : $"{segment} {(feature is not null && value >= 0 && value < feature.Categories.Count ? feature.Categories[(int)value] : value.ToString(CultureInfo.InvariantCulture))}";
    }

    private static ulong Seed(ulong seed, double value) => double.IsNaN(value) ? seed : StableHash.Combine(seed, BitConverter.DoubleToUInt64Bits(value));
}
