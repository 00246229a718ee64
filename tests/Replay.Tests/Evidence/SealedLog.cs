using System.Text;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Replay.Evidence;

namespace Monitoring.Replay.Tests.Evidence;

/// <summary>A log with events and findings, sealed by the real processor in small segments.</summary>
internal sealed class SealedLog : IDisposable
{
    public const int SegmentRecords = 16;

    public const string ModelHash = "aa11";

    public MemoryLog Log { get; } = new();

    public SigningKey Key { get; } = SigningKey.Create();

    public static async Task<SealedLog> CreateAsync(int events, int findings)
    {
        var sealedLog = new SealedLog();
        await sealedLog.Log.EnsureTopicAsync(new TopicDefinition(Topics.Evidence, 1));
        await sealedLog.Log.EnsureTopicAsync(new TopicDefinition(Topics.InferenceEvents, 1));
        await sealedLog.Log.EnsureTopicAsync(new TopicDefinition(Topics.Findings, 1));
        for (var i = 0; i < events; i++)
        {
            await sealedLog.Log.AppendAsync(Topics.InferenceEvents, Event(i));
        }

        for (var i = 0; i < findings; i++)
        {
            var finding = new Finding { Id = $"f{i}", Model = "digits", ModelVersion = "1", Monitor = "digits-drift", Provenance = new Provenance { ModelSha256 = ModelHash, ProfileSha256 = "bb22", ConfigurationSha256 = "cc33" } };
            await sealedLog.Log.AppendAsync(Topics.Findings, new LogRecord(Encoding.UTF8.GetBytes("digits"), finding.ToByteArray(), []));
        }

        await sealedLog.SealAsync(Topics.InferenceEvents);
        await sealedLog.SealAsync(Topics.Findings);
        return sealedLog;
    }

    public static LogRecord Event(int number)
    {
        var message = new InferenceEvent { Id = $"e{number}", Model = "digits", ModelVersion = "1", TimeUnixNano = 1_700_000_000_000_000_000 + number, Client = new Client { Id = $"client-{number % 5}" } };
        return new LogRecord(Encoding.UTF8.GetBytes("digits"), message.ToByteArray(), [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(message.Id)), new LogHeader(Headers.Type, Encoding.UTF8.GetBytes(EventTypes.Inference))]);
    }

    /// <summary>Runs the processor over what the partition holds; <paramref name="stop"/> seals the rest as well.</summary>
    public async Task SealAsync(string topic, bool stop = false, EvidenceOptions? options = null)
    {
        var processor = new CheckpointProcessor(Log, Key, options ?? new EvidenceOptions { KeyFile = "unused", SegmentRecords = SegmentRecords }, new Assignment(topic));
        var from = await processor.StartAsync(CancellationToken.None);
        await processor.ProcessAsync([.. Log.Partition(topic, 0).Where(r => r.Offset >= from)], CancellationToken.None);
        await processor.StopAsync(lost: !stop, CancellationToken.None);
    }

    public async Task<CheckpointChain> ChainAsync(string topic)
    {
        var chain = new CheckpointChain(topic, 0);
        await chain.RefreshAsync(Log, CancellationToken.None);
        return chain;
    }

    public Task<byte[]> ExportAsync(ExportRequest request) => new BundleExporter(Log, Key, TimeProvider.System).ExportAsync(request, CancellationToken.None);

    public void Dispose() => Key.Dispose();

    internal sealed class Assignment(string topic) : PartitionAssignment
    {
        public override string Group => "evidence";

        public override string Topic => topic;

        public override int Partition => 0;

        public override int PartitionCount => 1;

        public override long OwnerEpoch => 1;

        public override bool MayWrite => true;

        public override ValueTask CommitAsync(long nextOffset, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;
    }
}
