using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Dashboards.Tests;

/// <summary>
/// The demo as a user starts it, scraped by a real Prometheus with the product's rules, whose alerts a real Alertmanager delivers: every query of every dashboard
/// returns data, every rule evaluates, every metric that a rule names exists, and the open attack calls back.
/// </summary>
public sealed partial class LiveQueryTests
{
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Every_query_returns_data_and_an_open_attack_alerts()
    {
        ServerProcess.Require("prometheus", "/usr/bin/prometheus");
        ServerProcess.Require("prometheus-alertmanager", "/usr/bin/prometheus-alertmanager", "/usr/bin/alertmanager");
        using var directory = new TemporaryDirectory();
        var alerts = new ConcurrentDictionary<string, JsonElement>(StringComparer.Ordinal);
        await using var receiver = await ReceiveAsync(alerts);
        await using var alertmanager = await AlertmanagerServer.StartAsync(webhook: new Uri(receiver.Urls.First() + "/alerts"));
        var data = directory.File("data");
        await using var demo = ServerProcess.Start("dotnet", [Path.Combine(AppContext.BaseDirectory, "Monitoring.AllInOne.dll"), "demo", "--duration", "45s", "--seed", "5", "--data", data]);
        using var http = new HttpClient();
        await demo.ReadyAsync(async () => Target(data) is { } at && (await http.GetAsync(new Uri($"http://{at}/health/ready"))).IsSuccessStatusCode, "the demo");
        await using var prometheus = await PrometheusServer.StartAsync(Target(data)!, Path.Combine(AppContext.BaseDirectory, "rules", "*.yml"), alertmanager.Url);

        var queries = Queries().ToList();
        Assert.True(queries.Count > 25, $"{queries.Count} queries");
        var open = new HashSet<(string Panel, string Query)>(queries);
        await WhileAsync(open, async query => await HasDataAsync(http, prometheus, query.Query), "these queries return data");

        var rules = await GetAsync(http, prometheus, "/api/v1/rules");
        var all = rules.GetProperty("groups").EnumerateArray().SelectMany(g => g.GetProperty("rules").EnumerateArray()).ToList();
        Assert.True(all.Count > 20, $"{all.Count} rules");
        Assert.All(all, r => Assert.Equal("ok", r.GetProperty("health").GetString()));
        var metrics = all.SelectMany(r => MetricName().Matches(r.GetProperty("query").GetString()!)).Select(m => m.Value).Where(m => !m.Contains(':', StringComparison.Ordinal)).ToHashSet();
        await WhileAsync(metrics, async metric => await HasDataAsync(http, prometheus, $"count({metric})"), "these metrics of rules exist");

        await Eventually.TrueAsync(() => alerts.ContainsKey("ModelIncidentOpen"), "the attack's incident is told by Alertmanager", s_long);
        var labels = alerts["ModelIncidentOpen"];
        Assert.Equal("critical", labels.GetProperty("labels").GetProperty("severity").GetString());
        Assert.EndsWith("/runbooks/ModelIncidentOpen", labels.GetProperty("annotations").GetProperty("runbook_url").GetString(), StringComparison.Ordinal);
    }

    /// <summary>Asks again for what does not hold yet, until nothing is left; the message lists what is.</summary>
    private static async Task WhileAsync<T>(HashSet<T> open, Func<T, Task<bool>> holds, string what)
    {
        try
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    foreach (var item in open.ToList())
                    {
                        if (await holds(item))
                        {
                            open.Remove(item);
                        }
                    }

                    return open.Count == 0;
                },
                what,
                s_long);
        }
        catch (TimeoutException e)
        {
            Assert.Fail($"{e.Message}: {string.Join("\n", open)}");
        }
    }

    /// <summary>Where the demo listens, as its configuration says; null while there is none.</summary>
    private static string? Target(string data)
    {
        var file = Path.Combine(data, "monitoring.yaml");
        return File.Exists(file) && Address().Match(File.ReadAllText(file)) is { Success: true } match ? match.Groups["at"].Value : null;
    }

    private static async Task<bool> HasDataAsync(HttpClient http, PrometheusServer prometheus, string query) =>
        (await GetAsync(http, prometheus, "/api/v1/query?query=" + Uri.EscapeDataString(query))).GetProperty("result").GetArrayLength() > 0;

    /// <summary>What Prometheus answers; a query that does not parse fails here with its words.</summary>
    private static async Task<JsonElement> GetAsync(HttpClient http, PrometheusServer prometheus, string path)
    {
        using var answer = await http.GetAsync(new Uri(prometheus.Url, path), TestContext.Current.CancellationToken);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
        return JsonDocument.Parse(text).RootElement.GetProperty("data").Clone();
    }

    private static IEnumerable<(string Panel, string Query)> Queries()
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "grafana"), "*.json").Order(StringComparer.Ordinal))
        {
            using var dashboard = JsonDocument.Parse(File.ReadAllText(file));
            foreach (var query in Panels(dashboard.RootElement))
            {
                yield return ($"{Path.GetFileName(file)}, {query.Title}", query.Expression.Replace("$model", ".*", StringComparison.Ordinal));
            }
        }
    }

    private static IEnumerable<(string Title, string Expression)> Panels(JsonElement parent)
    {
        if (!parent.TryGetProperty("panels", out var panels))
        {
            yield break;
        }

        foreach (var panel in panels.EnumerateArray())
        {
            foreach (var target in panel.TryGetProperty("targets", out var targets) ? targets.EnumerateArray() : default)
            {
                yield return (panel.GetProperty("title").GetString()!, target.GetProperty("expr").GetString()!);
            }

            foreach (var inner in Panels(panel))
            {
                yield return inner;
            }
        }
    }

    private static async Task<WebApplication> ReceiveAsync(ConcurrentDictionary<string, JsonElement> alerts)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        app.MapPost("/alerts", async (HttpRequest request) =>
        {
            using var body = await JsonDocument.ParseAsync(request.Body);
            foreach (var alert in body.RootElement.GetProperty("alerts").EnumerateArray())
            {
                alerts[alert.GetProperty("labels").GetProperty("alertname").GetString()!] = alert.Clone();
            }
        });
        await app.StartAsync();
        return app;
    }

    [GeneratedRegex(@"listen: \['http://(?<at>[0-9.:]+)'\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Address();

    [GeneratedRegex("monitoring[a-z0-9_:]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MetricName();
}
