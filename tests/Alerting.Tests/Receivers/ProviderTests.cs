using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Monitoring.Alerting.Delivery;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Receivers;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests.Receivers;

/// <summary>Slack, PagerDuty and Teams against doubles that enforce the documents.</summary>
public sealed class ProviderTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public static TheoryData<string> Kinds => ["slack", "pagerDuty", "teams"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task EveryTransition_IsTakenByTheProvider(string kind)
    {
        await using var provider = await StartAsync(kind);
        using var receiver = Create(kind, provider.Url);
        foreach (var transition in (string[])["opened", "escalated", "grown-200", "acknowledged", "resolved", "falseAlarm", "digest", "test"])
        {
            var result = await receiver.SendAsync(new OutgoingMessage("msg_1", Message(transition), MayRepeat: false), Token);
            Assert.True(result.Outcome == DeliveryOutcome.Delivered, $"{transition}: {result.Detail} {string.Join(';', provider.Refused)}");
        }

        Assert.Empty(provider.Refused);
        Assert.Equal(8, provider.Accepted.Count);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task HugeAndHostileText_StaysInsideTheLimits(string kind)
    {
        await using var provider = await StartAsync(kind);
        using var receiver = Create(kind, provider.Url);
        var hostile = string.Concat(Enumerable.Repeat("<!channel> & *bold* \U0001F600 ", 2000));
        var message = Message("opened") with
        {
            Sentence = hostile,
            Text = hostile + "x",
            Client = hostile,
            FirstStep = "<script>",
            Lines = [.. Enumerable.Range(0, 20).Select(i => $"{i} {hostile}")],
            MoreLines = 980,
            Variables = [new VariableShare(hostile, 1, "", 0, 0, 0)],
        };
        var result = await receiver.SendAsync(new OutgoingMessage("msg_1", message, MayRepeat: true), Token);
        Assert.True(result.Outcome == DeliveryOutcome.Delivered, $"{result.Detail} {string.Join(';', provider.Refused)}");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Throttled_AsksToWaitAsLongAsTheProviderSays(string kind)
    {
        await using var provider = await StartAsync(kind);
        using var receiver = Create(kind, provider.Url);
        provider.First.Enqueue(context =>
        {
            context.Response.Headers.RetryAfter = "17";
            return Results.StatusCode(429);
        });
        var result = await receiver.SendAsync(new OutgoingMessage("msg_1", Message("opened"), MayRepeat: false), Token);
        Assert.Equal(DeliveryOutcome.Retry, result.Outcome);
        Assert.Equal(TimeSpan.FromSeconds(17), result.RetryAfter);
    }

    [Theory]
    [InlineData("slack", 400, "Rejected")]
    [InlineData("slack", 403, "Rejected")]
    [InlineData("slack", 404, "Rejected")]
    [InlineData("slack", 410, "Gone")]
    [InlineData("slack", 500, "Retry")]
    [InlineData("pagerDuty", 400, "Rejected")]
    [InlineData("pagerDuty", 500, "Retry")]
    [InlineData("pagerDuty", 503, "Retry")]
    [InlineData("teams", 400, "Rejected")]
    [InlineData("teams", 502, "Retry")]
    [InlineData("teams", 302, "Rejected")]
    public async Task Status_MeansWhatTheProviderSays(string kind, int status, string outcome)
    {
        await using var provider = await StartAsync(kind);
        using var receiver = Create(kind, provider.Url);
        provider.First.Enqueue(_ => Results.Text("reason", statusCode: status));
        var result = await receiver.SendAsync(new OutgoingMessage("msg_1", Message("opened"), MayRepeat: false), Token);
        Assert.Equal(outcome, result.Outcome.ToString());
        Assert.DoesNotContain(provider.Url, result.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Teams_200With429InTheBody_IsThrottling()
    {
        await using var provider = await ProviderDouble.TeamsAsync();
        using var receiver = Create("teams", provider.Url);
        provider.First.Enqueue(_ => Results.Text("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0"));
        var result = await receiver.SendAsync(new OutgoingMessage("msg_1", Message("opened"), MayRepeat: false), Token);
        Assert.Equal(DeliveryOutcome.Retry, result.Outcome);
    }

    [Fact]
    public async Task PagerDuty_ResolvesWhatItOpenedUnderOneKey()
    {
        await using var provider = await ProviderDouble.PagerDutyAsync();
        using var receiver = Create("pagerDuty", provider.Url);
        foreach (var transition in (string[])["opened", "acknowledged", "resolved"])
        {
            await receiver.SendAsync(new OutgoingMessage("msg_1", Message(transition), MayRepeat: false), Token);
        }

        Assert.Equal(["trigger", "acknowledge", "resolve"], provider.Accepted.Select(a => a.GetProperty("event_action").GetString()));
        Assert.Single(provider.Accepted.Select(a => a.GetProperty("dedup_key").GetString()).Distinct());
        Assert.Single(provider.Accepted.Select(a => a.GetProperty("routing_key").GetString()).Distinct());
    }

    [Fact]
    public async Task PagerDuty_Digest_IsAChangeAndPagesNobody()
    {
        await using var provider = await ProviderDouble.PagerDutyAsync();
        using var receiver = Create("pagerDuty", provider.Url);
        await receiver.SendAsync(new OutgoingMessage("msg_1", Message("digest"), MayRepeat: false), Token);
        Assert.Equal(["/v2/change/enqueue"], provider.Paths);
    }

    [Theory]
    [InlineData("slack")]
    [InlineData("teams")]
    public async Task NoIds_RepeatIsMarked(string kind)
    {
        await using var provider = await StartAsync(kind);
        using var receiver = Create(kind, provider.Url);
        Assert.False(receiver.HonoursIds);
        await receiver.SendAsync(new OutgoingMessage("msg_1", Message("opened"), MayRepeat: true), Token);
        await receiver.SendAsync(new OutgoingMessage("msg_1", Message("opened"), MayRepeat: false), Token);
        Assert.Contains("may be a repeat", provider.Accepted[0].GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("may be a repeat", provider.Accepted[1].GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pace_BurstThenOnePerInterval()
    {
        var time = new FakeTimeProvider();
        var configuration = Configuration("slack", "http://127.0.0.1:9");
        using var lane = new ReceiverLane(configuration, ReceiverFactory.Create(configuration, time), time);
        for (var i = 0; i < 3; i++)
        {
            Assert.True(lane.PaceAsync(Token).IsCompleted);
        }

        var fourth = lane.PaceAsync(Token);
        Assert.False(fourth.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(1.01));
        await fourth;
    }

    [Theory]
    [InlineData("10.1.2.3", true)]
    [InlineData("127.0.0.1", true)]
    [InlineData("169.254.169.254", true)]
    [InlineData("172.31.255.255", true)]
    [InlineData("172.32.0.1", false)]
    [InlineData("192.168.0.1", true)]
    [InlineData("100.64.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("224.0.0.1", true)]
    [InlineData("8.8.8.8", false)]
    [InlineData("::1", true)]
    [InlineData("::ffff:10.0.0.1", true)]
    [InlineData("::ffff:8.8.8.8", false)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("64:ff9b::a00:1", true)]
    [InlineData("2606:4700::1111", false)]
    public void Address_Inside_IsKnown(string address, bool inside) =>
        Assert.Equal(inside, AddressPolicy.IsInternal(System.Net.IPAddress.Parse(address)));

    [Fact]
    public void Configuration_SecretThatIsNoAddress_NamesTheReferenceNotTheSecret()
    {
        var file = _directory.File("secret");
        File.WriteAllText(file, "hunter2-not-an-address");
        Assert.True(SecretReference.TryParse($"file:{file}", out var secret));
        var error = Assert.Throws<InvalidOperationException>(() => ReceiverFactory.Create(new ReceiverConfiguration { Name = "chat", Slack = new SlackConfiguration { Url = secret } }, TimeProvider.System));
        Assert.Contains("chat", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _directory.Dispose();

    private static Task<ProviderDouble> StartAsync(string kind) => kind switch
    {
        "slack" => ProviderDouble.SlackAsync(),
        "pagerDuty" => ProviderDouble.PagerDutyAsync(),
        _ => ProviderDouble.TeamsAsync(),
    };

    private IReceiver Create(string kind, string url) => ReceiverFactory.Create(Configuration(kind, url), TimeProvider.System);

    private ReceiverConfiguration Configuration(string kind, string url)
    {
        var file = _directory.File(kind);
        File.WriteAllText(file, kind == "pagerDuty" ? new string('k', 32) : url + "/services/T/B/X");
        Assert.True(SecretReference.TryParse($"file:{file}", out var secret));
        var configuration = new ReceiverConfiguration { Name = kind, AllowPrivateAddresses = true };
        return kind switch
        {
            "slack" => configuration with { Slack = new SlackConfiguration { Url = secret } },
            "pagerDuty" => configuration with { PagerDuty = new PagerDutyConfiguration { RoutingKey = secret, Url = new Uri(url) } },
            _ => configuration with { Teams = new TeamsConfiguration { Url = secret } },
        };
    }

    private static IncidentMessage Message(string transition) => new()
    {
        Incident = "inc-0123456789abcdef",
        Sequence = 1,
        Transition = transition,
        State = transition is "resolved" or "falseAlarm" or "acknowledged" ? transition : "open",
        Severity = "harm",
        Family = "extraction",
        Model = "digits",
        ModelVersion = "1",
        Client = "acme-batch-7",
        Sentence = "Client acme-batch-7 asked digits 4,180 questions since Sat 14:05 UTC; its copy now agrees on 83 %.",
        TimeUnixNano = 1_790_000_000L * UnixNano.PerSecond,
        SinceUnixNano = 1_790_000_000L * UnixNano.PerSecond,
        Events = 4180,
        FirstStep = "Ask who the client is.",
        Url = "https://monitoring.example/incidents/inc-0123456789abcdef",
        Coverage = 0.97,
        AtlasTechnique = "AML.T0024.002",
    };
}
