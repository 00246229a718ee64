using System.CommandLine;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Monitoring.Detection;
using Monitoring.EndToEnd.Tests.Kill;
using Monitoring.Hosting;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.EndToEnd.Tests;

/// <summary>Monitors, models and profiles change while the product runs: what stays keeps its evidence, what is new is fitted and armed, what cannot be used changes nothing.</summary>
public sealed class MonitorReloadTests : IDisposable
{
    private const int ReferenceRows = 2000;
    private static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "demo");
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(3);
    private readonly TemporaryDirectory _folder = new();
    private readonly NpyFile _rows = NpyFile.Read(Path.Combine(s_demo, "flights-population.X.npy"));
    private readonly Random _random = new(5);
    private int _calls;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Monitors_and_models_of_a_changed_file_are_fitted_and_armed_without_a_restart()
    {
        var token = TestContext.Current.CancellationToken;
        WriteReference("reference.npy", 1);
        var file = Write(Model("flights", "{ kind: evidence }"));
        await using var installation = await Installation.StartAsync(file, AllInOne.Program.Modules, token);
        using var http = new HttpClient { BaseAddress = installation.Address };
        await AskAsync(http, "flights", 60);
        var before = await SeenAsync(installation, "flights", "evidence", 60);

        Write(Model("flights", "{ kind: evidence }, { kind: ks }, { kind: knn }"), Model("second", "{ kind: evidence }"));
        var reload = await ReloadAsync(http);
        Assert.Empty(reload.GetProperty("errors").EnumerateArray());
        var applied = reload.GetProperty("applied").EnumerateArray().Select(k => k.GetString()).ToList();
        Assert.Contains("models[flights].monitors", applied);
        Assert.Contains("models[second].monitors", applied);

        // A group that had nothing to watch (outlier) joins and reads the log from its start; one that had switches at a checkpoint.
        await AskAsync(http, "flights", 40);
        await AskAsync(http, "second", 20);
        var after = await SeenAsync(installation, "flights", "evidence", 100);
        Assert.True(after.Draws > before.Draws, $"{before.Draws} draws before, {after.Draws} after");
        Assert.NotEqual(before.ProfileSha256, after.ProfileSha256);
        Assert.Equal(MonitorState.Armed, (await SeenAsync(installation, "flights", "ks", 0)).State);
        Assert.Equal(MonitorState.Armed, (await SeenAsync(installation, "flights", "knn", 100)).State);
        Assert.Equal(MonitorState.Armed, (await SeenAsync(installation, "second", "evidence", 20)).State);
        await installation.StopAsync();
    }

    [Fact]
    public async Task A_new_version_is_watched_by_a_profile_of_its_own_from_its_first_call_and_the_one_beside_it_by_its_old_one()
    {
        var token = TestContext.Current.CancellationToken;
        WriteReference("reference.npy", 1);
        var file = Write(Model("flights", "{ kind: evidence }, { kind: knn }"));
        await using var installation = await Installation.StartAsync(file, AllInOne.Program.Modules, token);
        using var http = new HttpClient { BaseAddress = installation.Address };
        await AskAsync(http, "flights", 30);
        var before = await SeenAsync(installation, "flights", "evidence", 30);

        var onnx = $"onnx: {{ path: '{s_demo}/flights.onnx' }}";
        Write(Model("flights", "{ kind: evidence }, { kind: knn }").Replace(onnx, $"version: '2'\n    {onnx}\n    versions: [{{ version: '1', {onnx} }}]", StringComparison.Ordinal));
        Assert.Empty((await ReloadAsync(http)).GetProperty("errors").EnumerateArray());
        await AskAsync(http, "flights", 20);
        await AskAsync(http, "flights/versions/1", 20);
        foreach (var kind in (string[])["evidence", "knn"])
        {
            var second = await SeenAsync(installation, "flights", kind, 20, "2");
            Assert.Equal((MonitorState.Armed, ""), (second.State, second.Reason));
            Assert.Equal(MonitorState.Armed, (await SeenAsync(installation, "flights", kind, 50, "1")).State);
        }

        Assert.Equal(before.ProfileSha256, (await SeenAsync(installation, "flights", "evidence", 50, "1")).ProfileSha256);
        Assert.NotEqual(before.ProfileSha256, (await SeenAsync(installation, "flights", "evidence", 20, "2")).ProfileSha256);
        await installation.StopAsync();
    }

    [Fact]
    public async Task A_reference_that_cannot_be_used_refuses_the_reload_and_changes_nothing()
    {
        var token = TestContext.Current.CancellationToken;
        WriteReference("reference.npy", 1);
        var file = Write(Model("flights", "{ kind: evidence }"));
        await using var installation = await Installation.StartAsync(file, AllInOne.Program.Modules, token);
        using var http = new HttpClient { BaseAddress = installation.Address };
        await AskAsync(http, "flights", 20);
        var before = await SeenAsync(installation, "flights", "evidence", 20);

        NpyFile.Write(_folder.File("other.npy"), [100, 3], new float[300]);
        Write(Model("flights", "{ kind: evidence }"), Model("second", "{ kind: evidence }").Replace("reference.npy", "other.npy", StringComparison.Ordinal));
        var reload = await ReloadAsync(http);
        Assert.Contains(reload.GetProperty("errors").EnumerateArray(), e => e.GetString()!.Contains("other.npy: rows have 3 values", StringComparison.Ordinal));
        await AskAsync(http, "flights", 20);
        var after = await SeenAsync(installation, "flights", "evidence", 40);
        Assert.Equal(before.ProfileSha256, after.ProfileSha256);
        Assert.DoesNotContain(installation.Monitors(), m => m.Model == "second");
        await installation.StopAsync();
    }

    [Fact]
    public async Task A_profile_that_is_approved_beside_it_is_taken_while_it_runs()
    {
        var token = TestContext.Current.CancellationToken;
        WriteReference("reference.npy", 1);
        WriteReference("later.npy", 2);
        var file = Write(Model("flights", "{ kind: evidence }"));
        await using var installation = await Installation.StartAsync(file, AllInOne.Program.Modules, token);
        using var http = new HttpClient { BaseAddress = installation.Address };
        await AskAsync(http, "flights", 20);
        var first = (await SeenAsync(installation, "flights", "evidence", 20)).ProfileSha256;

        Assert.Equal(0, await RunAsync(new FitVerb(AllInOne.Program.Modules), "--config", file, "--reference", _folder.File("later.npy")));
        var fitted = await FollowedAsync(sha => sha != first);
        Assert.Equal(0, await RunAsync(new ProfileVerb(AllInOne.Program.Modules), "rollback", "--config", file, "--reason", "the wrong month"));
        Assert.Equal(first, await FollowedAsync(sha => sha != fitted));
        await installation.StopAsync();

        // A group looks for approvals every few seconds, and switches when an event comes.
        async Task<string> FollowedAsync(Func<string, bool> changed)
        {
            var sha256 = "";
            await Eventually.TrueAsync(
                async () =>
                {
                    await AskAsync(http, "flights", 1);
                    sha256 = installation.Monitors().Single(m => m.Monitor == "evidence").ProfileSha256;
                    return changed(sha256);
                },
                "the approved profile is in use",
                s_long);
            return sha256;
        }
    }

    private static Task<int> RunAsync(IVerb verb, params string[] arguments) => verb.CreateCommand().Parse(arguments).InvokeAsync(cancellationToken: TestContext.Current.CancellationToken);

    private static string Model(string name, string monitors) => $$"""
          - name: {{name}}
            onnx: { path: '{{s_demo}}/flights.onnx' }
            schema: '{{s_demo}}/flights.schema.json'
            reference: reference.npy
            client: ['header:X-Client']
            trustedProxies: [127.0.0.1]
            monitors: [{{monitors}}]
        """;

    private static async Task<JsonElement> ReloadAsync(HttpClient http)
    {
        using var response = await http.PostAsync(new Uri("/api/reload", UriKind.Relative), null, TestContext.Current.CancellationToken);
        return await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
    }

    /// <summary>Waits until a monitor has taken as many draws: calls, or whole windows of them.</summary>
    private static async Task<MonitorStatus> SeenAsync(Installation installation, string model, string monitor, long draws, string version = "1")
    {
        MonitorStatus? status = null;
        await Eventually.TrueAsync(
            () =>
            {
                status = installation.Monitors().SingleOrDefault(m => m.Model == model && m.Monitor == monitor && m.Version == version);
                return status?.Draws >= draws;
            },
            $"{model}/{monitor} has seen {draws} draws",
            s_long);
        return status!;
    }

    private string Write(params string[] models)
    {
        File.WriteAllText(_folder.File("monitoring.yaml"), $"data: data\nlog: {{ partitions: 1 }}\nmodels:\n{string.Join('\n', models)}\n");
        return _folder.File("monitoring.yaml");
    }

    private void WriteReference(string name, int seed)
    {
        var random = new Random(seed);
        NpyFile.Write(_folder.File(name), [ReferenceRows, _rows.Width], [.. Enumerable.Range(0, ReferenceRows).SelectMany(_ => _rows.Row(random.Next(_rows.Rows)).ToArray())]);
    }

    /// <summary>Each call by a client of its own, so that each is a draw.</summary>
    private async Task AskAsync(HttpClient http, string model, int calls)
    {
        for (var i = 0; i < calls; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/v2/models/{model}/infer", UriKind.Relative))
            {
                Content = JsonContent.Create(new { inputs = new[] { new { name = "features", shape = new[] { 1, _rows.Width }, datatype = "FP32", data = _rows.Row(_random.Next(_rows.Rows)).ToArray() } } }),
            };
            request.Headers.Add("X-Client", string.Create(CultureInfo.InvariantCulture, $"client-{++_calls}"));
            using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
            response.EnsureSuccessStatusCode();
        }
    }
}
