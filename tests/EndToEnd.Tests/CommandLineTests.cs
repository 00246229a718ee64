using System.Diagnostics;
using System.Text.Json;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests;

/// <summary>The product as a user starts it: its executable, its exit codes, its files.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Demo_goes_the_whole_way_and_stays_quiet_on_clean_traffic()
    {
        var json = _directory.File("demo.json");
        var (exit, output) = await RunAsync("demo", "--duration", "30s", "--exit", "--json", json, "--data", _directory.File("data"), "--seed", "20261122");
        using var report = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        var root = report.RootElement;
        Assert.True(root.GetProperty("events").GetProperty("served").GetInt64() > 1000, output);
        Assert.Equal(0, root.GetProperty("events").GetProperty("lost").GetInt64());
        Assert.Equal(0, root.GetProperty("notifications").GetProperty("duplicates").GetInt32());
        Assert.All(root.GetProperty("changes").EnumerateArray(), c => Assert.True(c.GetProperty("found").GetBoolean(), output));
        Assert.All(root.GetProperty("monitors").EnumerateArray(), m => Assert.Equal(0, m.GetProperty("falseAlarms").GetInt32()));
        Assert.True(root.GetProperty("replay").GetProperty("identical").GetBoolean(), output);

        // The attack became an incident; one of the digits is explained by a picture; the incident's bundle verifies and one flipped bit of it is named.
        var attack = root.GetProperty("attack");
        Assert.True(attack.GetProperty("found").GetBoolean(), output);
        Assert.InRange(attack.GetProperty("queriesToDetect").GetInt64(), 2, attack.GetProperty("queries").GetInt64());
        Assert.NotEmpty(attack.GetProperty("incident").GetString()!);
        var png = await File.ReadAllBytesAsync(root.GetProperty("explanation").GetProperty("png").GetString()!, TestContext.Current.CancellationToken);
        Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], png[..4]);
        var evidence = root.GetProperty("evidence");
        Assert.True(evidence.GetProperty("verified").GetBoolean(), output);
        Assert.True(evidence.GetProperty("sealedRecords").GetInt32() > 0, output);
        var tamper = evidence.GetProperty("tamper");
        Assert.True(tamper.GetProperty("detected").GetBoolean(), output);
        Assert.NotEmpty(tamper.GetProperty("what").GetString()!);
        var bundle = evidence.GetProperty("bundle").GetString()!;
        var key = Path.Combine(_directory.File("data"), "keys", "evidence.pem.pub");
        Assert.Equal(0, (await RunAsync("evidence", "verify", bundle, "--key", key)).Exit);
        var bytes = await File.ReadAllBytesAsync(bundle, TestContext.Current.CancellationToken);
        bytes[tamper.GetProperty("at").GetInt64()] ^= 1;
        await File.WriteAllBytesAsync(bundle, bytes, TestContext.Current.CancellationToken);
        Assert.Equal(1, (await RunAsync("evidence", "verify", bundle, "--key", key)).Exit);
        Assert.True(exit == 0, output);
    }

    [Fact]
    public async Task Check_lists_every_error_with_line_and_allowed_values_and_exits_2()
    {
        var file = _directory.File("broken.yaml");
        await File.WriteAllTextAsync(
            file,
            """
            log: { kind: pulsar }
            models:
              - name: a
                monitors:
                  - kind: nonsense
                  - kind: knn
                    options: { neighbourz: 5 }
            """,
            TestContext.Current.CancellationToken);
        var (exit, output) = await RunAsync("check", "--config", file);
        Assert.Equal(2, exit);
        Assert.Contains(":1: log.kind: 'pulsar' is not one of embedded, kafka", output, StringComparison.Ordinal);
        Assert.Contains(":5: models[0].monitors[0].kind: unknown kind 'nonsense'; allowed: ", output, StringComparison.Ordinal);
        Assert.Contains("evidence", output, StringComparison.Ordinal);
        Assert.Contains(":7: models[0].monitors[1].options: ", output, StringComparison.Ordinal);
        Assert.Contains("neighbourz", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_verb_exits_2_and_lists_the_known_ones()
    {
        var (exit, output) = await RunAsync("prophesy");
        Assert.Equal(2, exit);
        Assert.Contains("demo", output, StringComparison.Ordinal);
    }

    private static async Task<(int Exit, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Monitoring.AllInOne.dll"));
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }
}
