using System.Diagnostics;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests.Kill;

/// <summary>
/// SIGKILL at random moments between finding and delivery. More seeds: <c>MONITORING_KILL_SEEDS=50</c>.
/// </summary>
public sealed class KillTests
{
    private const int Total = 300;
    private const int Kills = 2;

    public static TheoryData<int> Seeds =>
        [.. Enumerable.Range(1, int.Parse(Environment.GetEnvironmentVariable("MONITORING_KILL_SEEDS") ?? "5", CultureInfo.InvariantCulture))];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task Killed_SameIncidentsSameIdsNothingLost(int seed)
    {
        var token = TestContext.Current.CancellationToken;
        var start = UnixNano.Now(TimeProvider.System);
        await using var calmHook = await WebhookDouble.StartAsync();
        using var calm = new TemporaryDirectory();
        await RunToTheEndAsync(calm.Path, calmHook.Url, start, token);
        var expected = await File.ReadAllTextAsync(calm.File("canonical.json"), token);

        // Slow enough that a kill often finds messages on their way.
        await using var hook = await WebhookDouble.StartAsync();
        hook.Before = (_, t) => Task.Delay(TimeSpan.FromMilliseconds(15), TimeProvider.System, t);
        using var directory = new TemporaryDirectory();
        var random = new Random(seed);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var child = Start(directory.Path, hook.Url, start);
            Assert.Equal("started", await child.StandardOutput.ReadLineAsync(token));
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(10, 900)), TimeProvider.System, token);
            child.Kill(entireProcessTree: true); // SIGKILL
            await child.WaitForExitAsync(token);
        }

        await RunToTheEndAsync(directory.Path, hook.Url, start, token);
        Assert.Equal(expected, await File.ReadAllTextAsync(directory.File("canonical.json"), token));
        Assert.Equal(calmHook.Accepted.Keys.Order(StringComparer.Ordinal), hook.Accepted.Keys.Order(StringComparer.Ordinal));
        Assert.Empty(hook.Violations);
        Assert.Empty(calmHook.Repeated);

        // What arrived twice is known to be uncertain, and nothing else was sent twice.
        await using var database = MonitoringDatabase.OpenSqlite(Path.Combine(directory.Path, "data", "monitoring.db"), survivesPowerCut: false, TimeProvider.System);
        var uncertain = await database.ReadAsync((c, t) => c.Notifications.Where(n => n.Uncertain).Select(n => n.Id).ToListAsync(t), token);
        Assert.All(hook.Repeated, id => Assert.Contains(id, uncertain));
    }

    private static async Task RunToTheEndAsync(string folder, string url, long start, CancellationToken token)
    {
        using var child = Start(folder, url, start);
        var errors = child.StandardError.ReadToEndAsync(token);
        await child.StandardOutput.ReadToEndAsync(token);
        await child.WaitForExitAsync(token);
        Assert.True(child.ExitCode == 0, await errors);
    }

    private static Process Start(string folder, string url, long start)
    {
        var info = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])[KillChild.Switch, folder, url, Total.ToString(CultureInfo.InvariantCulture), start.ToString(CultureInfo.InvariantCulture)])
        {
            info.ArgumentList.Add(argument);
        }

        return Process.Start(info)!;
    }
}
