using System.Buffers;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Adversarial;

/// <summary><c>off-manifold</c>: see README.md beside this file.</summary>
internal sealed class OffManifoldKind : MonitorKind<OffManifoldOptions>
{
    private const byte Version = 2;

    public override string Name => "off-manifold";

    public override string Description => "A client's inputs lie off what the model was made for: large noise, blends of two classes, patches; covers what query-similarity misses.";

    public override Family Family => Family.Adversarial;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0043";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, OffManifoldOptions options, CancellationToken cancellationToken)
    {
        var fit = context.Reference.Fit;
        if (fit.Count < 200)
        {
            throw new FitException($"off-manifold needs at least 200 clean inputs to fit on, better 1,500; the reference has {fit.Count}");
        }

        var output = context.Model.IndexOf(options.Features);
        ClassDistance? distance = null;
        if (fit.HasOutput(output))
        {
            var classes = Enumerable.Range(0, fit.Count).Select(fit.PredictedClass).ToArray();
            distance = ClassDistance.Fit(fit.Outputs(output).Span, classes, context.Model.Outputs[output].Width);
        }
        else
        {
            context.Warn($"the reference carries no output '{options.Features}': off-manifold sees the residual only, and decision attacks (Boundary, HopSkipJump) late");
        }

        var subspace = Subspace.Fit(fit.Inputs.Span, fit.Width, options.Directions, context.Seed);
        var held = context.Reference.Calibration;
        var columns = distance is null ? 1 : 2;
        var scores = new float[held.Count * columns];
        OffManifoldMonitor.Score(held, subspace, distance, output, scores);
        var calibrations = ConformalHitMonitor.Calibrate(held, scores, columns, context, options);

        var bytes = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(bytes);
        writer.WriteByte(Version);
        subspace.Write(writer);
        writer.WriteByte((byte)columns);
        distance?.Write(writer);
        foreach (var calibration in calibrations)
        {
            calibration.Write(writer);
        }

        return ValueTask.FromResult(new FittedParameters(bytes.WrittenMemory));
    }

    protected override IMonitor Create(MonitorContext context, OffManifoldOptions options)
    {
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of off-manifold in an unknown version; fit again");
        }

        var subspace = Subspace.Read(ref reader);
        var distance = reader.ReadByte() == 2 ? ClassDistance.Read(ref reader) : null;
        var calibrations = new ClassCalibration[distance is null ? 1 : 2];
        for (var i = 0; i < calibrations.Length; i++)
        {
            calibrations[i] = ClassCalibration.Read(ref reader);
        }

        reader.ExpectEnd();
        return new OffManifoldMonitor(subspace, distance, context.Model.IndexOf(options.Features), calibrations, options, context.Seed);
    }
}
