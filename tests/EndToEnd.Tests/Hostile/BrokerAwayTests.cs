using Monitoring.EndToEnd.Tests.Kill;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Hostile;

/// <summary>The broker is away when the product starts, and for a whole minute in the middle: callers do not notice, and nothing is lost or different afterwards.</summary>
public sealed class BrokerAwayTests : DisturbedProductTests, IDisposable
{
    private const int Seed = 72;
    private static readonly TimeSpan s_away = TimeSpan.FromSeconds(61);
    private readonly MockKafkaCluster _cluster = new(memberTimeout: TimeSpan.FromSeconds(3));

    public BrokerAwayTests() => ProductTopics.CreateAll(_cluster, Partitions);

    // So many that on a fast machine too some are left when the broker comes back.
    protected override int Calls => 2000;

    protected override string Log => $"{{ kind: kafka, partitions: 2, checkpointInterval: 500ms, kafka: {{ bootstrapServers: '{_cluster.BootstrapServers}', groupProtocol: consumer }} }}";

    public void Dispose() => _cluster.Dispose();

    [Fact]
    public Task Away_at_the_start_and_for_a_minute_in_the_middle_nothing_is_lost() => RunAsync(Seed);

    private protected override async Task DisturbAsync(string file, Uri address, KillLoad load, Random random, CancellationToken token)
    {
        _cluster.SetDown(true);
        await using var product = ProductProcess.Start(file, address);
        await AnsweredAsync(product, load, 100, "calls are answered before the broker was ever there");
        _cluster.SetDown(false);
        await AnsweredAsync(product, load, 300, "calls are answered");
        _cluster.SetDown(true);
        var since = TimeProvider.System.GetTimestamp();
        await AnsweredAsync(product, load, 300, "calls are answered while the broker is away");
        if (s_away - TimeProvider.System.GetElapsedTime(since) is var left && left > TimeSpan.Zero)
        {
            await Task.Delay(left, TimeProvider.System, token);
        }

        Assert.False(product.HasExited, product.Output);
        _cluster.SetDown(false);
    }
}
