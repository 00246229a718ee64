using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Monitoring.Alerting.Receivers;
using Monitoring.Alerting.Receivers.Webhook;
using Monitoring.Hosting.Configuration;
using Monitoring.Incidents;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests.Receivers;

/// <summary>A webhook that starts a workflow: GitHub's <c>repository_dispatch</c> by its documentation, over HTTP.</summary>
public sealed class GithubDispatchTests
{
    private static readonly IncidentMessage s_message = new()
    {
        Incident = "inc-1",
        Sequence = 1,
        Transition = "opened",
        State = "open",
        Severity = "harm",
        Family = "quality",
        Model = "digits",
        Sentence = "Digits got worse.",
        TimeUnixNano = 1_700_000_000_000_000_000,
    };

    [Fact]
    public async Task Call_carries_the_token_the_event_type_and_the_payload_that_a_workflow_reads()
    {
        JsonElement body = default;
        Dictionary<string, string> headers = [];
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using var app = builder.Build();
        app.MapPost("/repos/acme/digits/dispatches", async (HttpRequest request) =>
        {
            headers = request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
            body = await JsonSerializer.DeserializeAsync<JsonElement>(request.Body);
            return headers["Authorization"] == "Bearer ghp_secret" ? Results.NoContent() : Results.Unauthorized();
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("token"), "ghp_secret", TestContext.Current.CancellationToken);
        Assert.True(SecretReference.TryParse($"file:{directory.File("token")}", out var token));
        using var receiver = new WebhookReceiver(
            new ReceiverConfiguration
            {
                Name = "ci",
                AllowPrivateAddresses = true,
                Webhook = new WebhookConfiguration { Url = new Uri(app.Urls.First() + "/repos/acme/digits/dispatches"), Format = WebhookFormat.GithubDispatch, Token = token },
            },
            TimeProvider.System);

        var result = await receiver.SendAsync(new OutgoingMessage("ntf-1", s_message, MayRepeat: true), TestContext.Current.CancellationToken);

        Assert.Equal(DeliveryOutcome.Delivered, result.Outcome);
        Assert.False(receiver.HonoursIds);
        Assert.Equal("application/vnd.github+json", headers["Accept"]);
        Assert.Equal("monitoring", headers["User-Agent"]);
        Assert.Equal(["event_type", "client_payload"], body.EnumerateObject().Select(p => p.Name));
        Assert.Equal("monitoring-opened", body.GetProperty("event_type").GetString());
        var payload = body.GetProperty("client_payload");
        Assert.InRange(payload.EnumerateObject().Count(), 1, 10);
        Assert.Equal("ntf-1", payload.GetProperty("id").GetString());
        Assert.True(payload.GetProperty("mayRepeat").GetBoolean());
        Assert.Equal(("inc-1", "digits"), (payload.GetProperty("data").GetProperty("incident").GetString(), payload.GetProperty("data").GetProperty("model").GetString()));
    }
}
