using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary><c>class-mahalanobis</c>: see README.md beside this file.</summary>
internal sealed class ClassMahalanobisKind : MonitorKind<ClassMahalanobisOptions>
{
    private const byte Version = 2;

    public override string Name => "class-mahalanobis";

    public override string Description => "Single adversarial inputs: far from every class in the pooled last convolution, or answered with less confidence than clean inputs of that class.";

    public override Family Family => Family.Adversarial;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0043.003";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, ClassMahalanobisOptions options, CancellationToken cancellationToken)
    {
        var fit = context.Reference.Fit;
        var output = context.Model.IndexOf(options.Features);
        if (!fit.HasOutput(output))
        {
            throw new FitException($"class-mahalanobis needs the output '{options.Features}' in the reference: name the pooled last convolution under 'exports' and record again; outputs here: {string.Join(", ", context.Model.Outputs.Select(o => o.Name))}");
        }

        var classes = Enumerable.Range(0, fit.Count).Select(fit.PredictedClass).ToArray();
        var distance = ClassDistance.Fit(fit.Outputs(output).Span, classes, context.Model.Outputs[output].Width);
        var held = context.Reference.Calibration;
        var scores = new float[held.Count * 2];
        ClassMahalanobisMonitor.Score(held, distance, output, scores);
        var calibrations = ConformalHitMonitor.Calibrate(held, scores, 2, context, options);

        var bytes = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(bytes);
        writer.WriteByte(Version);
        distance.Write(writer);
        calibrations[0].Write(writer);
        calibrations[1].Write(writer);
        return ValueTask.FromResult(new FittedParameters(bytes.WrittenMemory));
    }

    protected override IMonitor Create(MonitorContext context, ClassMahalanobisOptions options)
    {
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of class-mahalanobis in an unknown version; fit again");
        }

        var distance = ClassDistance.Read(ref reader);
        ClassCalibration[] calibrations = [ClassCalibration.Read(ref reader), ClassCalibration.Read(ref reader)];
        reader.ExpectEnd();
        return new ClassMahalanobisMonitor(distance, context.Model.IndexOf(options.Features), calibrations, options, context.Seed);
    }
}
