using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary><c>feature-squeezing</c>: see README.md beside this file.</summary>
internal sealed class FeatureSqueezingKind(ServedModels models) : MonitorKind<FeatureSqueezingOptions>
{
    private const byte Version = 2;

    public override string Name => "feature-squeezing";

    public override string Description => "Single adversarial images: the model's answer changes when the image is coarsened, more than for clean images of that class.";

    public override Family Family => Family.Adversarial;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0043.003";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, FeatureSqueezingOptions options, CancellationToken cancellationToken)
    {
        var held = context.Reference.All;
        Check(context.Model);
        if (!held.HasOutput(context.Model.IndexOf(OutputRole.Probabilities)))
        {
            throw new FitException("feature-squeezing needs the model's answers in the reference");
        }

        using var model = models.Load(context.Model, options.File);
        var columns = FeatureSqueezingMonitor.Names(options).Length;
        var scores = new float[held.Count * columns];
        const int batch = 256;
        for (var start = 0; start < held.Count; start += batch)
        {
            var count = Math.Min(batch, held.Count - start);
            FeatureSqueezingMonitor.Score(held.Slice(start, count), model, context.Model, options, scores.AsSpan(start * columns, count * columns), cancellationToken);
        }

        // Nothing was fitted: the whole reference calibrates.
        var bytes = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(bytes);
        writer.WriteByte(Version);
        foreach (var calibration in ConformalHitMonitor.Calibrate(held, scores, columns, context, options))
        {
            calibration.Write(writer);
        }

        return ValueTask.FromResult(new FittedParameters(bytes.WrittenMemory));
    }

    protected override IMonitor Create(MonitorContext context, FeatureSqueezingOptions options)
    {
        Check(context.Model);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of feature-squeezing in an unknown version; fit again");
        }

        var calibrations = new ClassCalibration[FeatureSqueezingMonitor.Names(options).Length];
        for (var i = 0; i < calibrations.Length; i++)
        {
            calibrations[i] = ClassCalibration.Read(ref reader);
        }

        reader.ExpectEnd();
        return new FeatureSqueezingMonitor(models.Load(context.Model, options.File), context.Model, options, calibrations, context.Seed);
    }

    private static void Check(ModelDescription model)
    {
        if (model.Schema.Image is null || model.IndexOf(OutputRole.Probabilities) < 0)
        {
            throw new FitException("feature-squeezing needs images and class probabilities");
        }
    }
}
