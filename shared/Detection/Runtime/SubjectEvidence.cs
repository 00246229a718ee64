using System.Buffers;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Evidence about one subject of a monitor, a client as a rule: its streams, and its place in the order of appearance.</summary>
internal sealed class SubjectEvidence(long order, IReadOnlyList<EvidenceStream> streams)
{
    public long Order { get; } = order;

    public IReadOnlyList<EvidenceStream> Streams { get; } = streams;

    public void Save(IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteCount(Order);
        foreach (var stream in Streams)
        {
            stream.Save(writer);
        }
    }

    public static SubjectEvidence Restore(ReadOnlySpan<byte> bytes, Func<long, IReadOnlyList<EvidenceStream>> create)
    {
        var reader = new CanonicalReader(bytes);
        var order = reader.ReadCount();
        var streams = create(order);
        foreach (var stream in streams)
        {
            stream.Restore(ref reader);
        }

        reader.ExpectEnd();
        return new SubjectEvidence(order, streams);
    }
}
