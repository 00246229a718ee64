using System.Globalization;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Kill;

/// <summary>SIGKILL of the whole product at random moments under load, started again each time. More seeds: <c>MONITORING_KILL_SEEDS=50</c>.</summary>
public abstract class ProductKillTests : DisturbedProductTests
{
    private const int Kills = 2;
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(4);

    public static TheoryData<int> Seeds =>
        [.. Enumerable.Range(1, int.Parse(Environment.GetEnvironmentVariable("MONITORING_KILL_SEEDS") ?? "5", CultureInfo.InvariantCulture))];

    /// <summary>Takes the log away and gives it back, where it is another process.</summary>
    protected abstract void SetAway(bool away);

    [Theory]
    [MemberData(nameof(Seeds))]
    public Task Killed_at_random_moments_nothing_is_lost_and_everything_is_the_same(int seed) => RunAsync(seed);

    /// <summary>Starts the product and kills it, again and again: under load, or while it is still starting.</summary>
    private protected override async Task DisturbAsync(string file, Uri address, KillLoad load, Random random, CancellationToken token)
    {
        var share = Calls / (Kills + 1);
        for (var kill = 0; kill < Kills; kill++)
        {
            await using var product = ProductProcess.Start(file, address);
            var (starting, target, delay) = (random.NextDouble() < 0.25, (kill * share) + random.Next(share), TimeSpan.FromMilliseconds(random.Next(500)));
            if (!starting)
            {
                await Eventually.TrueAsync(
                    () =>
                    {
                        Assert.False(product.HasExited, product.Output);
                        return load.Answered.Count >= target;
                    },
                    $"call {target} is answered: {product.Output}",
                    s_long);
                if (kill == 0)
                {
                    // Callers are answered while the log is away.
                    SetAway(true);
                    await Eventually.TrueAsync(() => load.Answered.Count >= target + 30, $"calls are answered while the log is away: {product.Output}", s_long);
                    SetAway(false);
                }
            }

            await Task.Delay(delay, TimeProvider.System, token);
            await product.KillAsync();
        }
    }
}
