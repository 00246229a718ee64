using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality;

/// <summary>The kind <c>cbpe</c>; see README.md beside it.</summary>
public sealed class CbpeKind : MonitorKind<CbpeOptions>, IPromisedKind
{
    private const byte Version = 1;

    public override string Name => "cbpe";

    public override string Description => "The model's accuracy as its own calibrated confidence estimates it, before labels come.";

    public override Family Family => Family.Quality;

    public override Severity DefaultSeverity => Severity.Harm;

    public IReadOnlyDictionary<string, string> Promise(string metric, double threshold) => metric == "accuracy"
        ? new Dictionary<string, string>(StringComparer.Ordinal) { ["threshold"] = threshold.ToString("R", System.Globalization.CultureInfo.InvariantCulture) }
        : new Dictionary<string, string>(StringComparer.Ordinal);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, CbpeOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var output = Probabilities(context.Model);
        var labels = context.Reference.Labels ?? throw new FitException("cbpe needs true labels with the reference: confidence is calibrated against them");
        var rows = context.Reference.All;
        if (!rows.HasOutput(output))
        {
            throw new FitException($"cbpe: the reference has no '{context.Model.Outputs[output].Name}' output");
        }

        List<double> confidence = [], correct = [];
        foreach (var row in context.Reference.FitRows)
        {
            var (predicted, top) = Top(rows.Output(output, row));
            if (predicted >= 0 && float.IsFinite(labels[row]))
            {
                confidence.Add(top);
                correct.Add(predicted == (int)labels[row] ? 1 : 0);
            }
        }

        if (confidence.Count < options.MinimumLabels)
        {
            throw new FitException($"cbpe needs at least {options.MinimumLabels} labelled reference rows to fit on, got {confidence.Count}");
        }

        var calibration = IsotonicCalibration.Fit([.. confidence], [.. correct]);
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(buffer);
        writer.WriteByte(Version);
        writer.WriteDoubles(calibration.Thresholds);
        writer.WriteDoubles(calibration.Values);
        return ValueTask.FromResult(new FittedParameters(buffer.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, CbpeOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("cbpe: parameters of an unknown version");
        }

        double[] thresholds = reader.ReadDoubles(), values = reader.ReadDoubles();
        reader.ExpectEnd();

        // The fitted steps are monotone already: fitting them again returns them.
        var calibration = IsotonicCalibration.Fit(thresholds, values);
        return options.Threshold is { } threshold
            ? new PromisedCbpeMonitor(context.Model, Probabilities(context.Model), calibration, threshold)
            : new CbpeMonitor(Probabilities(context.Model), calibration);
    }

    /// <summary>Predicted class and its probability; (−1, NaN) where the row has none.</summary>
    internal static (int Class, double Probability) Top(ReadOnlySpan<float> probabilities)
    {
        if (probabilities.Length == 1)
        {
            return float.IsNaN(probabilities[0]) ? (-1, double.NaN) : probabilities[0] >= 0.5f ? (1, probabilities[0]) : (0, 1 - probabilities[0]);
        }

        var best = -1;
        for (var i = 0; i < probabilities.Length; i++)
        {
            best = !float.IsNaN(probabilities[i]) && (best < 0 || probabilities[i] > probabilities[best]) ? i : best;
        }

        return best < 0 ? (-1, double.NaN) : (best, probabilities[best]);
    }

    private static int Probabilities(ModelDescription model)
    {
        var output = model.IndexOf(OutputRole.Probabilities);
        return output >= 0 ? output : throw new FitException($"cbpe: model '{model.Name}' has no output of probabilities");
    }
}
