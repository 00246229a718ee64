using System.Text.Json;
using Google.Protobuf;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Alerting.Receivers;
using Monitoring.Alerting.Receivers.Slack;
using Monitoring.Alerting.Receivers.Webhook;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Incidents;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>Every message about an incident carries the newest signed root of the partition that it is about.</summary>
public sealed class SealedRootTests
{
    [Fact]
    public async Task Messages_name_the_newest_root_of_the_findings_partition()
    {
        await using var harness = await AlertingHarness.StartAsync("receivers: [{ name: hook, severity: record, webhook: { url: 'http://192.0.2.1/' } }]");
        await harness.Log.EnsureTopicAsync(new TopicDefinition(Topics.Evidence, 1), TestContext.Current.CancellationToken);
        for (var partition = 0; partition < 2; partition++)
        {
            await SealAsync(harness, partition, 0);
            await SealAsync(harness, partition, 1);
        }

        var roots = harness.App.Services.GetRequiredService<SealedRoots>();
        await Eventually.TrueAsync(() => roots.Newest(partition: 0)?.Checkpoints == 2 && roots.Newest(partition: 1)?.Checkpoints == 2, "all checkpoints are read");
        var finding = Findings.Make(1, at: TimeProvider.System.GetUtcNow());
        finding.Position = new Position { Group = "drift", InputTopic = Topics.InferenceEvents, InputPartition = 1, InputOffset = 5 };
        await harness.PublishAsync(finding);
        await harness.ConsumedAsync(1);

        var row = Assert.Single(await harness.NotificationsAsync());
        var message = IncidentMessage.FromJson(row.Message);
        Assert.Equal(new SealedRoot(Topics.InferenceEvents, 1, 2, 1_700_000_000_000_000_001, Root(1, 1)), message.SealedRoot);

        // In every format that people or machines read.
        Assert.Contains(Root(1, 1), JsonSerializer.Serialize(SlackReceiver.Payload(message, mayRepeat: false)), StringComparison.Ordinal);
        Assert.Contains(("Log root", $"{Root(1, 1)} (inference.events/1, 2 checkpoints)"), Text.Facts(message));
        using var body = JsonDocument.Parse(WebhookReceiver.Body(message));
        var root = body.RootElement.GetProperty("data").GetProperty("sealedRoot");
        Assert.Equal((Root(1, 1), 1), (root.GetProperty("root").GetString(), root.GetProperty("partition").GetInt32()));
    }

    private static string Root(int partition, int index) => string.Concat(Enumerable.Repeat($"{partition}{index}", 32));

    private static async Task SealAsync(AlertingHarness harness, int partition, int index)
    {
        var checkpoint = new Checkpoint
        {
            Topic = Topics.InferenceEvents,
            Partition = partition,
            Index = index,
            LastTimeUnixNano = 1_700_000_000_000_000_000 + index,
            ChainRoot = ByteString.CopyFrom(Convert.FromHexString(Root(partition, index))),
        };
        await harness.Log.AppendAsync(Topics.Evidence, new LogRecord("k"u8.ToArray(), checkpoint.ToByteArray(), [], 0), TestContext.Current.CancellationToken);
    }
}
