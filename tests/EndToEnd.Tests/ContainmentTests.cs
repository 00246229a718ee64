using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.EndToEnd.Tests;

/// <summary>
/// Containment as a responder does it at three in the morning: the product's own executable serves the model, a real nginx with the shipped
/// configuration stands before it, a thief and clean clients call through it, and one command ends the theft.
/// </summary>
public sealed class ContainmentTests : IDisposable
{
    private static readonly string s_executable = Path.Combine(AppContext.BaseDirectory, "Monitoring.AllInOne.dll");
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task One_command_ends_a_theft_at_a_real_nginx_and_clean_clients_lose_nothing()
    {
        ServerProcess.Require("nginx", "/usr/sbin/nginx", "/usr/bin/nginx");
        var configuration = _directory.File("monitoring.yaml");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            api: { listen: ["http://127.0.0.1:0"] }
            controls: { enforce: true }
            models:
              - name: digits
                client: ["header:X-User"]
                onnx: { path: "{{Path.Combine(Root(), "infra", "demo", "digits.onnx")}}" }
            """,
            Token);
        await using var product = ServerProcess.Start("dotnet", [s_executable, "run", "--config", configuration, "--roles", "inference,alerting"]);
        var address = "";
        await product.ReadyAsync(() => Task.FromResult((address = Listening(product.Output)).Length > 0), "monitoring");
        var upstream = address["http://".Length..];
        var shipped = await File.ReadAllTextAsync(Path.Combine(Root(), "infra", "nginx", "monitoring.conf"), Token);
        await using var nginx = await NginxServer.StartAsync(shipped
            .Replace("127.0.0.1:8080", upstream, StringComparison.Ordinal)
            .Replace("127.0.0.1:9000", upstream, StringComparison.Ordinal));

        using var http = new HttpClient { BaseAddress = nginx.Url };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var clean = new ConcurrentQueue<HttpStatusCode>();
        var stolen = new ConcurrentQueue<HttpStatusCode>();
        var clients = ((string[])["alice", "bob", "carol"]).Select(c => CallAsync(http, c, clean, stop.Token)).ToList();
        var thief = CallAsync(http, "thief", stolen, stop.Token);
        await Eventually.TrueAsync(() => clean.Count > 20 && stolen.Count > 20, "everybody is served", TimeSpan.FromMinutes(1));
        Assert.All(clean.Concat(stolen), s => Assert.Equal(HttpStatusCode.OK, s));

        var watch = Stopwatch.StartNew();
        var (exit, output) = await RunAsync("respond", "deny", "--client", "thief", "--model", "digits", "--for", "2h", "--reason", "theft", "--url", address, "--json", _directory.File("respond.json"));
        Assert.True(exit == 0, output);
        await Eventually.TrueAsync(() => stolen.Contains(HttpStatusCode.Forbidden), "the theft has ended", TimeSpan.FromSeconds(30));
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"from the command to the first refusal: {watch.Elapsed.TotalSeconds:F2} s"));

        // From its first refusal on the thief gets nothing, and the others everything.
        var (cleanBefore, stolenBefore) = (clean.Count, stolen.Count);
        await Eventually.TrueAsync(() => clean.Count > cleanBefore + 20 && stolen.Count > stolenBefore + 20, "everybody went on calling", TimeSpan.FromMinutes(1));
        Assert.All(stolen.SkipWhile(s => s == HttpStatusCode.OK), s => Assert.Equal(HttpStatusCode.Forbidden, s));
        Assert.All(clean, s => Assert.Equal(HttpStatusCode.OK, s));
        using (var refused = await PostAsync(http, "thief", Token))
        {
            Assert.Equal("{\"error\":\"this client may not call this model\"}", await refused.Content.ReadAsStringAsync(Token));
        }

        var id = JsonDocument.Parse(await File.ReadAllTextAsync(_directory.File("respond.json"), Token)).RootElement[0].GetProperty("id").GetString()!;
        (exit, output) = await RunAsync("respond", "list", "--url", address);
        Assert.True(exit == 0 && output.Contains(id, StringComparison.Ordinal) && output.Contains("enforced: deny", StringComparison.Ordinal), output);

        // Throttled, a client hears when to come back.
        (exit, output) = await RunAsync("respond", "throttle", "--rate", "0.001", "--client", "hasty", "--for", "1h", "--url", address);
        Assert.True(exit == 0, output);
        HttpResponseMessage? throttled = null;
        await Eventually.TrueAsync(
            async () =>
            {
                throttled?.Dispose();
                throttled = await PostAsync(http, "hasty", Token);
                return throttled.StatusCode == HttpStatusCode.TooManyRequests;
            },
            "the hasty client is throttled");
        Assert.True(throttled!.Headers.RetryAfter!.Delta!.Value.TotalSeconds >= 1);
        throttled.Dispose();

        (exit, output) = await RunAsync("respond", "lift", id, "--reason", "it was a customer", "--url", address);
        Assert.True(exit == 0, output);
        var before = stolen.Count(s => s == HttpStatusCode.OK);
        await Eventually.TrueAsync(() => stolen.Count(s => s == HttpStatusCode.OK) > before + 5, "the client is served again");
        await stop.CancelAsync();
        await Task.WhenAll([.. clients, thief]);
        Assert.All(clean, s => Assert.Equal(HttpStatusCode.OK, s));
    }

    [Fact]
    public async Task One_command_brings_everybody_back_to_the_previous_version()
    {
        var configuration = _directory.File("monitoring.yaml");
        var model = Path.Combine(Root(), "infra", "demo", "digits.onnx");
        await File.WriteAllTextAsync(
            configuration,
            $$"""
            api: { listen: ["http://127.0.0.1:0"] }
            controls: { enforce: true }
            models:
              - name: digits
                version: "7"
                onnx: { path: "{{model}}" }
                versions:
                  - { version: "6", onnx: { path: "{{model}}" } }
            """,
            Token);
        await using var product = ServerProcess.Start("dotnet", [s_executable, "run", "--config", configuration, "--roles", "inference,alerting"]);
        var address = "";
        await product.ReadyAsync(() => Task.FromResult((address = Listening(product.Output)).Length > 0), "monitoring");
        using var http = new HttpClient { BaseAddress = new Uri(address) };
        Assert.Equal("7", await VersionAsync());
        var (exit, output) = await RunAsync("respond", "route", "--model", "digits", "--to", "previous", "--reason", "version 7 confuses 3 and 8", "--url", address);
        Assert.True(exit == 0 && output.Contains("everyone", StringComparison.Ordinal) && output.Contains("to version 6", StringComparison.Ordinal), output);
        await Eventually.TrueAsync(async () => await VersionAsync() == "6", "version 6 answers");
        (exit, output) = await RunAsync("respond", "lift", output[..output.IndexOf(' ', StringComparison.Ordinal)], "--url", address);
        Assert.True(exit == 0, output);
        await Eventually.TrueAsync(async () => await VersionAsync() == "7", "version 7 answers again");

        async Task<string?> VersionAsync()
        {
            using var response = await PostAsync(http, "alice", Token);
            return JsonDocument.Parse(await response.Content.ReadAsStringAsync(Token)).RootElement.GetProperty("model_version").GetString();
        }
    }

    [Fact]
    public async Task While_monitoring_is_away_nginx_lets_calls_pass()
    {
        ServerProcess.Require("nginx", "/usr/sbin/nginx", "/usr/bin/nginx");
        var dead = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{ServerProcess.FreePort()}");
        var shipped = await File.ReadAllTextAsync(Path.Combine(Root(), "infra", "nginx", "monitoring.conf"), Token);
        await using var nginx = await NginxServer.StartAsync(shipped
            .Replace("127.0.0.1:8080", dead, StringComparison.Ordinal)
            .Replace("proxy_pass http://models;", "return 200 served;", StringComparison.Ordinal)
            .Replace("location / {", "location / { try_files /none @served; } location @served { return 200 served; } location /unused {", StringComparison.Ordinal)
            .Replace("location / { try_files", "location / { auth_request /_monitoring; try_files", StringComparison.Ordinal));
        using var http = new HttpClient { BaseAddress = nginx.Url };
        Assert.Equal("served", await http.GetStringAsync("/v2/models/digits/infer", Token));
    }

    [Fact]
    public async Task Respond_refuses_bad_use_and_says_what_is_allowed()
    {
        var (exit, output) = await RunAsync("respond", "deny", "--client", "a");
        Assert.Equal(2, exit);
        Assert.Contains("--for", output, StringComparison.Ordinal);
        (exit, output) = await RunAsync("respond", "list", "--url", "ftp://x");
        Assert.Equal(2, exit);
        Assert.Contains("is not an http or https address", output, StringComparison.Ordinal);
        (exit, output) = await RunAsync("respond", "list", "--key", "a literal key");
        Assert.Equal(2, exit);
        Assert.DoesNotContain("a literal key", output, StringComparison.Ordinal);
        (exit, output) = await RunAsync("respond", "list", "--url", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{ServerProcess.FreePort()}"));
        Assert.Equal(1, exit);
        Assert.Contains("does not answer", output, StringComparison.Ordinal);
    }

    private static string Listening(string output)
    {
        const string marker = "listening on ";
        var line = output.Split('\n').FirstOrDefault(l => l.StartsWith(marker, StringComparison.Ordinal));
        return line is null ? "" : line[marker.Length..].Trim();
    }

    private static async Task CallAsync(HttpClient http, string user, ConcurrentQueue<HttpStatusCode> results, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                using var response = await PostAsync(http, user, cancellationToken);
                results.Enqueue(response.StatusCode);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient http, string user, CancellationToken cancellationToken)
    {
        var random = new Random(StringComparer.Ordinal.GetHashCode(user));
        var pixels = Enumerable.Range(0, 784).Select(_ => random.Next(2));
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v2/models/digits/infer")
        {
            Content = new StringContent($$"""{"inputs":[{"name":"image","shape":[1,1,28,28],"datatype":"FP32","data":[{{string.Join(',', pixels)}}]}]}""", Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("X-User", user);
        return await http.SendAsync(request, cancellationToken);
    }

    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Monitoring.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("run the tests from a checkout: infra is needed");
    }

    private static async Task<(int Exit, string Output)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add(s_executable);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(Token);
        var error = process.StandardError.ReadToEndAsync(Token);
        await process.WaitForExitAsync(Token);
        return (process.ExitCode, await output + await error);
    }
}
