using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Scoring;
using Monitoring.Statistics;

namespace Monitoring.Outlier;

/// <summary>A kind whose score an ONNX file computes. The file is kept in the profile. Nothing is fitted but the repair of missing values, so the whole reference calibrates the score.</summary>
/// <typeparam name="TOptions">The kind's options.</typeparam>
public abstract class GraphScoreKind<TOptions>(RowGraphs graphs) : MonitorKind<TOptions>
    where TOptions : GraphScoreOptions, new()
{
    private const byte Version = 1;
    private const int MinimumRows = 20;
    private const int BatchRows = 512;

    public override Family Family => Family.Outlier;

    /// <summary>Throws <see cref="FitException"/> where the graph cannot score rows of this width.</summary>
    private protected abstract string OutputOf(RowGraph graph, int width, TOptions options);

    /// <summary>Scores repaired rows; numbers that are no numbers are allowed.</summary>
    private protected abstract float[] Score(RowGraph graph, string output, RowRepair repair, RowBatch rows, bool standardise, CancellationToken cancellationToken);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var all = context.Reference.All;
        if (all.Count < MinimumRows)
        {
            throw new FitException($"{Name} needs at least {MinimumRows} reference rows, got {all.Count}");
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteBytes(graphs.Read(Name, "file", options.File));
        RowRepair.Learn(all).Save(output);
        var parameters = output.WrittenMemory.ToArray();
        var scores = new double[all.Count];
        try
        {
            var score = Scorer(parameters, context.Model, options);
            for (var first = 0; first < all.Count; first += BatchRows)
            {
                var count = Math.Min(BatchRows, all.Count - first);
                Array.ConvertAll(score(all.Slice(first, count), cancellationToken), s => (double)s).CopyTo(scores, first);
            }
        }
        catch (ScoringException e)
        {
            throw new FitException($"{Name}: {options.File} cannot score the reference: {e.Message}");
        }

        return ValueTask.FromResult(new FittedParameters(parameters, [new CalibrationColumn(0, [.. Enumerable.Range(0, all.Count)], scores)]));
    }

    protected override IMonitor Create(MonitorContext context, TOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        return new GraphScoreMonitor(Scorer(context.Parameters, context.Model, options));
    }

    private Func<RowBatch, CancellationToken, float[]> Scorer(ReadOnlyMemory<byte> parameters, ModelDescription model, TOptions options)
    {
        var reader = new CanonicalReader(parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException($"{Name}: parameters of an unknown version");
        }

        var file = reader.ReadBytes().ToArray();
        var repair = RowRepair.Restore(ref reader);
        reader.ExpectEnd();
        var graph = graphs.Load($"{Name} {Path.GetFileName(options.File)}", file, model.Width);
        var output = OutputOf(graph, model.Width, options);
        var standardise = options.Scaling == ColumnScaling.Standard || (options.Scaling == ColumnScaling.Auto && model.Schema.Image is null);

        // A row that the graph cannot score is as unusual as can be.
        return (rows, cancellationToken) => Array.ConvertAll(Score(graph, output, repair, rows, standardise, cancellationToken), s => float.IsNaN(s) ? float.MaxValue : RowOutlierMonitor.Narrow(s));
    }
}
