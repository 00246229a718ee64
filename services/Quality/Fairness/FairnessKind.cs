using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>The kind <c>fairness</c>; see README.md beside it.</summary>
public sealed class FairnessKind : MonitorKind<FairnessOptions>, ILabelledKind
{
    public override string Name => "fairness";

    public override string Description => "Selection rate, true-positive rate and calibration of each segment against the rest, and evidence that a gap is beyond tolerance.";

    public override Family Family => Family.Quality;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, FairnessOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        if (context.Model.IndexOf(OutputRole.Probabilities) < 0 && context.Model.IndexOf(OutputRole.Logits) < 0 && context.Model.IndexOf(OutputRole.Label) < 0)
        {
            throw new FitException($"fairness: model '{context.Model.Name}' is no classifier");
        }

        var output = new ArrayBufferWriter<byte>();
        FairnessSegments.Fit(context.Model.Schema, context.Reference.All, options).Save(new CanonicalWriter(output));
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, FairnessOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        var segments = FairnessSegments.Restore(context.Model.Schema, options.Segment, ref reader);
        reader.ExpectEnd();
        return new FairnessMonitor(context.Model, segments, options);
    }
}
