using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Monitoring.EndToEnd.Tests.Kill;
using Monitoring.TestKit;
using Monitoring.TestKit.Kafka;

namespace Monitoring.EndToEnd.Tests.Hostile;

/// <summary>
/// The product makes its own topics on a broker, with the classic group protocol; the broker restarts under load, the product is killed, and nothing is lost or different. On the TestKit's broker, or on the
/// one that <c>MONITORING_TEST_KAFKA=host:port</c> names, which is not restarted: what is made there has a prefix of its own and is removed.
/// </summary>
public sealed class BrokerRestartTests : DisturbedProductTests, IAsyncLifetime
{
    private const int Seed = 73;
    private readonly string? _real = Environment.GetEnvironmentVariable("MONITORING_TEST_KAFKA") is { Length: > 0 } address ? address : null;
    private readonly string _prefix = $"test-{Guid.NewGuid():N}.";
    private KafkaBroker? _broker;

    // So many that on a fast machine too some are left when the broker comes back.
    protected override int Calls => 2000;

    // Short sessions: the killed product's members are in the group until theirs are over.
    protected override string Log => $"{{ kind: kafka, partitions: 2, checkpointInterval: 500ms, kafka: {{ bootstrapServers: '{_real ?? _broker!.BootstrapServers}', prefix: '{_prefix}', properties: {{ session.timeout.ms: '6000', heartbeat.interval.ms: '1000' }} }} }}";

    public ValueTask InitializeAsync()
    {
        _broker = _real is null ? new KafkaBroker() : null;
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        if (_broker is not null)
        {
            await _broker.DisposeAsync();
            return;
        }

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = _real }).Build();
        var topics = admin.GetMetadata(TimeSpan.FromSeconds(20)).Topics.Select(t => t.Topic).Where(t => t.StartsWith(_prefix, StringComparison.Ordinal)).ToList();
        await admin.DeleteTopicsAsync(topics);
        try
        {
            var groups = await admin.ListConsumerGroupsAsync();
            await admin.DeleteGroupsAsync([.. groups.Valid.Select(g => g.GroupId).Where(g => g.StartsWith(_prefix, StringComparison.Ordinal))]);
        }
        catch (KafkaException)
        {
            // A member is still counted: the group goes with its offsets.
        }
    }

    [Fact]
    public Task A_broker_that_restarts_and_a_product_that_is_killed_lose_nothing() => RunAsync(Seed);

    private protected override async Task DisturbAsync(string file, Uri address, KillLoad load, Random random, CancellationToken token)
    {
        await using var product = ProductProcess.Start(file, address);
        await AnsweredAsync(product, load, 300, "calls are answered");
        if (_broker is not null)
        {
            await _broker.RestartAsync();
        }

        await AnsweredAsync(product, load, 300, "calls are answered after the broker came back");
    }
}
