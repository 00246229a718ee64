using System.Buffers.Binary;
using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Leakage.Tests;

/// <summary>Events with texts, and a sink that keeps what is reported.</summary>
internal sealed class Events : IObservationSink
{
    public static ModelDescription Model { get; } = new() { Name = "chat", Version = "1", Schema = ModelSchema.Numeric(1) };

    public List<CertainFinding> Reports { get; } = [];

    public Dictionary<string, double> Evidences { get; } = new(StringComparer.Ordinal);

    /// <summary>Sends one question and its answer through a monitor.</summary>
    public void Send(IMonitor monitor, string question, string answer, string client = "acme")
    {
        var inference = new InferenceEvent { Id = "e", Model = "chat" };
        inference.Inputs.Add(Text(question));
        inference.Outputs.Add(Text(answer));
        var rows = new RowBatch(Model, new float[1], [], [new RowInfo("e", 1, 1, client, 1, 1, 0, 0, true)], [inference]);
        monitor.Apply(rows, 0, MonitorScores.Empty, this);
    }

    public void Observe(int variable, double value, string subject = "") => throw new InvalidOperationException("no observation expected");

    public void Bet(int variable, double logIncrement, string subject = "") => throw new InvalidOperationException("no bet expected");

    public void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "") =>
        Evidences[subject] = Math.Max(logEvidence, Evidences.GetValueOrDefault(subject, double.NegativeInfinity));

    public void Report(CertainFinding finding) => Reports.Add(finding);

    private static Tensor Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var data = new byte[bytes.Length + 4];
        BinaryPrimitives.WriteInt32LittleEndian(data, bytes.Length);
        bytes.CopyTo(data, 4);
        var tensor = new Tensor { Name = "text", Datatype = "BYTES", Data = ByteString.CopyFrom(data) };
        tensor.Shape.Add(1);
        return tensor;
    }
}
