using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using Monitoring.AllInOne.Drills;
using Monitoring.Contracts;

namespace Monitoring.AllInOne.Tests;

/// <summary>
/// Responses carry nothing that tells an attacker of its detection: the same attack against two installations, one watched and one not, is answered by the same bytes under the same headers, before and after the alarm; and once it is
/// detected a client waits no longer than one that is not.
/// </summary>
public sealed class NoOracleTests
{
    private const int Before = 60;
    private const int After = 20;
    private const int Pairs = 300;

    [Fact]
    public async Task An_attack_is_answered_by_the_same_bytes_and_headers_watched_or_not_before_and_after_its_alarm()
    {
        await using var watched = new AttackedInstallation(watched: true);
        await using var unwatched = new AttackedInstallation(watched: false);
        await watched.InitializeAsync();
        await unwatched.InitializeAsync();
        using var on = new HttpClient { BaseAddress = watched.Server };
        using var off = new HttpClient { BaseAddress = unwatched.Server };
        var attack = await AttackAsync();

        for (var query = 0; query < Before; query++)
        {
            await SameAsync(query);
        }

        await Monitoring.TestKit.Eventually.TrueAsync(async () => await DetectedAsync(watched) > 0, "the attack is detected", TimeSpan.FromMinutes(3));
        for (var query = Before; query < Before + After; query++)
        {
            await SameAsync(query);
        }

        Assert.Equal(0, await DetectedAsync(unwatched));

        async Task SameAsync(int query)
        {
            var (first, second) = (await AskAsync(on, attack[query], "mallory", query), await AskAsync(off, attack[query], "mallory", query));
            Assert.Equal(second.Status, first.Status);
            Assert.Equal(second.Headers, first.Headers);
            Assert.Equal(second.Body, first.Body);
        }
    }

    [Fact]
    public async Task A_detected_client_does_not_wait_longer_than_one_that_is_not()
    {
        await using var watched = new AttackedInstallation(watched: true);
        await watched.InitializeAsync();
        using var http = new HttpClient { BaseAddress = watched.Server };
        var attack = await AttackAsync();
        for (var query = 0; query < Before; query++)
        {
            await AskAsync(http, attack[query], "mallory", query);
        }

        await Monitoring.TestKit.Eventually.TrueAsync(async () => await DetectedAsync(watched) > 0, "the attack is detected", TimeSpan.FromMinutes(3));

        // The same input from both, one right after the other in random order: who waited longer is a fair coin, whatever the machine does.
        var random = new Random(1);
        var slower = 0;
        for (var pair = 0; pair < Pairs; pair++)
        {
            var first = random.Next(2) == 0 ? "mallory" : "alice";
            var one = await TimeAsync(first, pair);
            var other = await TimeAsync(first == "mallory" ? "alice" : "mallory", pair);
            slower += (first == "mallory") == (one > other) ? 1 : 0;
        }

        // Five standard deviations of 300 fair coins, and a half more.
        Assert.InRange(slower, 102, 198);

        async Task<long> TimeAsync(string client, int pair)
        {
            var start = Stopwatch.GetTimestamp();
            await AskAsync(http, attack[pair % Before], client, pair);
            return Stopwatch.GetTimestamp() - start;
        }
    }

    /// <summary>The first queries of SimBA on one digit.</summary>
    private static async Task<IReadOnlyList<float[]>> AttackAsync()
    {
        using var model = new OnnxClassifier(Path.Combine(AttackedInstallation.Demo, "digits.onnx"));
        var (values, _, width) = NumpyFile.Read(Path.Combine(AttackedInstallation.Demo, "digits-population.X.npy"));
        var victim = values.AsSpan(5_002 * width, width).ToArray();
        var recording = await EvasionRecording.RunAsync(new NesAttack("nes", 0.001), (x, n) => ValueTask.FromResult(model.Probabilities(x, n)), 10, victim, Vectors.ArgMax(model.Probabilities(victim, 1)), [], 200, 1);
        Assert.True(recording.Queries.Count >= Before + After);
        return recording.Queries;
    }

    private static async Task<(int Status, string[] Headers, byte[] Body)> AskAsync(HttpClient http, float[] input, string client, int number)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/digits/infer")
        {
            Content = JsonContent.Create(new
            {
                id = "query-" + number.ToString(CultureInfo.InvariantCulture),
                inputs = new[] { new { name = "image", shape = new[] { 1, 1, 28, 28 }, datatype = "FP32", data = input } },
                outputs = new[] { new { name = "probabilities" } },
            }),
        };
        request.Headers.Add("X-Client", client);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);

        // The date is the clock's; all else must be equal, order included.
        var headers = response.Headers.Concat(response.Content.Headers).Where(h => h.Key != "Date").Select(h => $"{h.Key}: {string.Join(", ", h.Value)}").ToArray();
        return ((int)response.StatusCode, headers, await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>Findings about the attack.</summary>
    private static async Task<int> DetectedAsync(AttackedInstallation installation)
    {
        var found = 0;
        for (var partition = 0; partition < await installation.Log.GetPartitionCountAsync(Topics.Findings); partition++)
        {
            var range = await installation.Log.GetOffsetsAsync(Topics.Findings, partition);
            await foreach (var entry in installation.Log.ReadAsync(Topics.Findings, partition, range.Start, range.End))
            {
                found += entry.Value is { } value && Finding.Parser.ParseFrom(value.Span).Kind == "query-similarity" ? 1 : 0;
            }
        }

        return found;
    }
}
