using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary><c>surrogate-fidelity</c>: see README.md beside this file.</summary>
internal sealed class SurrogateFidelityKind : MonitorKind<SurrogateFidelityOptions>
{
    private const byte Version = 1;
    private const int MostProbes = 500;

    public override string Name => "surrogate-fidelity";

    public override string Description => "How close to a working copy a client is: between which bounds a model trained on what it has asked agrees with yours.";

    public override Family Family => Family.Extraction;

    public override Severity DefaultSeverity => Severity.Record;

    public override string AtlasTechnique => "AML.T0024.002";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, SurrogateFidelityOptions options, CancellationToken cancellationToken)
    {
        var probes = context.Reference.Calibration;
        var fit = context.Reference.Fit;
        if (context.Model.IndexOf(OutputRole.Probabilities) < 0 || !probes.HasOutput(context.Model.IndexOf(OutputRole.Probabilities)))
        {
            throw new FitException("surrogate-fidelity needs class probabilities in the reference");
        }

        if (probes.Count < 100 || fit.Count < 20)
        {
            throw new FitException($"surrogate-fidelity measures agreement on held-out clean inputs: {probes.Count} are too few, at least 100 are needed");
        }

        probes = probes.Count > MostProbes ? probes.Slice(0, MostProbes) : probes;
        var distances = new List<double>();
        for (var i = 0; i + 1 < Math.Min(400, fit.Count); i += 2)
        {
            distances.Add(TensorPrimitives.Distance(fit.Input(i), fit.Input(i + 1)));
        }

        distances.Sort();
        var embedding = context.Model.IndexOf(OutputRole.Embedding);
        if (!probes.HasOutput(embedding))
        {
            context.Warn("the reference carries no embedding: the interval has no upper bound better than 1");
        }

        var bytes = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(bytes);
        writer.WriteByte(Version);
        writer.WriteDouble(Math.Max(1e-6, distances[distances.Count / 2]));
        writer.WriteCount(probes.Count);
        writer.WriteBytes(MemoryMarshal.AsBytes(probes.Inputs.Span));
        writer.WriteBytes(probes.HasOutput(embedding) ? MemoryMarshal.AsBytes(probes.Outputs(embedding).Span) : []);
        for (var row = 0; row < probes.Count; row++)
        {
            writer.WriteCount(Math.Max(0, probes.PredictedClass(row)));
        }

        return ValueTask.FromResult(new FittedParameters(bytes.WrittenMemory));
    }

    protected override IMonitor Create(MonitorContext context, SurrogateFidelityOptions options)
    {
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of surrogate-fidelity in an unknown version; fit again");
        }

        var bandwidth = reader.ReadDouble();
        var count = (int)reader.ReadCount();
        var inputs = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        var embeddings = MemoryMarshal.Cast<byte, float>(reader.ReadBytes()).ToArray();
        var classes = new int[count];
        for (var i = 0; i < count; i++)
        {
            classes[i] = (int)reader.ReadCount();
        }

        reader.ExpectEnd();
        return new SurrogateFidelityMonitor(context.Model, options, bandwidth, inputs, embeddings, classes, context.Seed);
    }
}
