using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.Storage;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Alerting.Tests;

/// <summary>Against real PostgreSQL, RabbitMQ and Alertmanager.</summary>
public sealed class RealServerTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PostgreSqlAndRabbitMq_FindingsToWebhooks()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var rabbit = await RabbitMqServer.StartAsync();
        await using var hook = await WebhookDouble.StartAsync();
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("pg"), postgres.ConnectionString, Token);
        await File.WriteAllTextAsync(directory.File("amqp"), rabbit.Url, Token);
        await using var harness = await AlertingHarness.StartAsync($"""
            storage: {"{"} kind: postgresql, connectionString: "file:{directory.File("pg")}" {"}"}
            alerting: {"{"} stormModels: 1000, rabbitMq: "file:{directory.File("amqp")}" {"}"}
            receivers:
            {hook.Yaml()}
            """);
        Assert.True(harness.Database.IsShared);
        var findings = Enumerable.Range(0, 200).Select(i => Findings.Make(i, model: $"m{i % 50}", client: $"c{i % 3}")).ToArray();
        await harness.PublishAsync(findings);
        await harness.PublishAsync(findings);
        await harness.ConsumedAsync(200);
        var incidents = await harness.IncidentsAsync();
        await Eventually.TrueAsync(() => hook.Accepted.Count == incidents.Count, "every incident told", TimeSpan.FromSeconds(60));
        Assert.Equal(200, await harness.FindingCountAsync());
        Assert.Empty(hook.Repeated);
        Assert.Empty(hook.Violations);

        var id = incidents[0].Id;
        var actions = harness.App.Services.GetRequiredService<IncidentActions>();
        Assert.Equal(ActOutcome.Done, await actions.ResolveAsync(id, new Actor("anna", []), "", Token));
        await Eventually.TrueAsync(() => hook.Accepted.Count == incidents.Count + 1, "resolved told");
    }

    [Fact]
    public async Task PostgreSql_TwoWritersOfOneIncident_NeitherLosesItsWrite()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var one = MonitoringDatabase.OpenPostgreSql(postgres.ConnectionString, TimeProvider.System);
        await using var two = MonitoringDatabase.OpenPostgreSql(postgres.ConnectionString, TimeProvider.System);

        // Both start at once on an empty database.
        await Task.WhenAll(one.InitializeAsync(Token), two.InitializeAsync(Token));
        await Task.WhenAll(Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? one : two).WriteAsync(
            async (context, token) =>
            {
                if (await context.Incidents.FirstOrDefaultAsync(x => x.OpenKey == "key", token) is not { } incident)
                {
                    context.Incidents.Add(incident = new Incident
                    {
                        Id = $"inc-{i}",
                        OpenKey = "key",
                        CorrelationKey = "key",
                        State = IncidentState.Open,
                        Severity = Severity.Harm,
                        Family = Family.Drift,
                        Model = "m",
                        ModelVersion = "",
                        Client = "",
                        Sentence = "",
                    });
                }

                incident.FindingCount++;
            },
            Token)));
        Assert.Equal(20, await one.ReadAsync((c, t) => c.Incidents.Select(i => i.FindingCount).SingleAsync(t), Token));
    }

    [Fact]
    public async Task Alertmanager_FiresIsSentAgainAndResolves()
    {
        await using var alertmanager = await AlertmanagerServer.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"""
            receivers:
            - name: am
              allowPrivateAddresses: true
              alertmanager: {"{"} url: "{alertmanager.Url}", resend: 1s {"}"}
            """);
        using var http = new HttpClient { BaseAddress = alertmanager.Url };
        await harness.PublishAsync(Findings.Make(1, client: "mallory"), Findings.Make(2, model: "flights", family: Family.Drift));
        var alerts = new List<JsonElement>();
        await Eventually.TrueAsync(async () => (alerts = await AlertsAsync()).Count == 2, "two alerts fire");
        var alert = alerts.Single(a => a.GetProperty("labels").GetProperty("model").GetString() == "digits");
        Assert.Equal("harm", alert.GetProperty("labels").GetProperty("severity").GetString());
        Assert.StartsWith("Client mallory", alert.GetProperty("annotations").GetProperty("summary").GetString(), StringComparison.Ordinal);

        var endsAt = alert.GetProperty("endsAt").GetDateTimeOffset();
        await Eventually.TrueAsync(async () => (await AlertsAsync()).Any(a => a.GetProperty("labels").GetProperty("model").GetString() == "digits" && a.GetProperty("endsAt").GetDateTimeOffset() > endsAt), "sent again");

        var id = alert.GetProperty("labels").GetProperty("incident").GetString()!;
        await harness.App.Services.GetRequiredService<IncidentActions>().ResolveAsync(id, new Actor("anna", []), "", Token);
        await Eventually.TrueAsync(async () => (await AlertsAsync()).Count == 1, "one resolved");

        async Task<List<JsonElement>> AlertsAsync() => [.. (await http.GetFromJsonAsync<JsonElement>("/api/v2/alerts?active=true", Token)).EnumerateArray()];
    }
}
