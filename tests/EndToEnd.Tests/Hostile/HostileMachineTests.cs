using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;
using Monitoring.EndToEnd.Tests.Kill;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests.Hostile;

/// <summary>
/// The whole product under load while its clock jumps an hour ahead and back, its disk is full and its database is locked by somebody else: callers never wait, what a full disk has no room for is counted to the last event and nothing else
/// is lost, and once the trouble is over everything is, byte for byte, what an undisturbed installation makes of the same events.
/// </summary>
public sealed partial class HostileMachineTests : DisturbedProductTests
{
    private const int Seed = 71;
    private const int DiskFull = 10;
    private bool _reserves;
    private long _dropped;

    protected override int Calls => 3000;

    protected override string Log => "{ partitions: 2, checkpointInterval: 500ms }";

    /// <param name="reserves">Whether the spool has room on the disk before it needs it, as it does where much may wait (ADR 101): then a disk that is full for a moment costs no event.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task A_jumping_clock_a_full_disk_and_a_locked_database_lose_nothing(bool reserves)
    {
        _reserves = reserves;
        return RunAsync(Seed);
    }

    /// <summary>Answered calls that are not in the log: as many as the product says that it had no room for.</summary>
    protected override void AssertMissing(IReadOnlyCollection<string> missing) => Assert.Equal(_dropped, missing.Count);

    private protected override async Task DisturbAsync(string file, Uri address, KillLoad load, Random random, CancellationToken token)
    {
        using var folder = new TemporaryDirectory();
        using var machine = await HostileMachine.CreateAsync(folder);
        await File.AppendAllTextAsync(file, _reserves ? "" : "capture: { spoolMaxBytes: 4MiB }\n", token);
        await using var product = ProductProcess.Start(file, address, machine.Environment);
        await AnsweredAsync(product, load, 100, "calls are answered");

        machine.ClockError = TimeSpan.FromHours(1);
        await AnsweredAsync(product, load, 100, "calls are answered an hour ahead");
        machine.ClockError = TimeSpan.FromHours(-1);
        await AnsweredAsync(product, load, 100, "calls are answered an hour behind");
        machine.ClockError = TimeSpan.Zero;
        await AnsweredAsync(product, load, 50, "calls are answered at the right time again");

        // Often and for a moment: a checkpoint, a profile that was just learned, an incident, a message may want to be written.
        for (var time = 0; time < DiskFull; time++)
        {
            machine.IsDiskFull = true;
            await AnsweredAsync(product, load, 30, "calls are answered while the disk is full");
            machine.IsDiskFull = false;
            await AnsweredAsync(product, load, 50, "calls are answered when there is room again");
        }

        // As a backup tool or a person with a shell does it.
        await using (var lockOf = new SqliteConnection($"Data Source={Path.Combine(Path.GetDirectoryName(file)!, "data", "monitoring.db")};Pooling=False;Default Timeout=60"))
        {
            await lockOf.OpenAsync(token);
            await using var command = lockOf.CreateCommand();
            command.CommandText = "BEGIN EXCLUSIVE";
            await command.ExecuteNonQueryAsync(token);
            await AnsweredAsync(product, load, 250, "calls are answered while the database is locked");
            command.CommandText = "ROLLBACK";
            await command.ExecuteNonQueryAsync(token);
        }

        await AnsweredAsync(product, load, 100, "calls are answered when the database is free again");
        using var http = new HttpClient { BaseAddress = address };
        var metrics = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative), token);
        _dropped = Sum(DroppedPattern(), metrics);
        Assert.True(Sum(AppendFailuresPattern(), metrics) > 0, "the disk was never full: the test shows nothing");
        Assert.True(_reserves || _dropped > 0, "the spool had room on a full disk: the test shows nothing");
    }

    private static long Sum(Regex counter, string metrics) => counter.Matches(metrics).Sum(m => long.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex("^monitoring_inference_dropped_total\\{[^}]*\\} ([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex DroppedPattern();

    [GeneratedRegex("^monitoring_inference_append_failures_total(?:\\{[^}]*\\})? ([0-9]+)$", RegexOptions.Multiline)]
    private static partial Regex AppendFailuresPattern();
}
