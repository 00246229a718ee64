using System.Globalization;
using System.Text;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Monitoring.Alerting.Delivery;
using Monitoring.Alerting.Evidence;
using Monitoring.Alerting.Incidents;
using Monitoring.Alerting.Pipeline;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>What the stages make of findings, and what people do to incidents.</summary>
public sealed class IncidentTests
{
    private static readonly Actor s_anna = new("anna", []);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task OneAttackTrippingFiveMonitors_IsOneIncidentAndOneMessage()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        await harness.PublishAsync(
            Findings.Make(1, client: "mallory", family: Family.Adversarial, monitor: "query-similarity"),
            Findings.Make(2, client: "mallory", family: Family.Extraction, monitor: "hardness"),
            Findings.Make(3, client: "mallory", family: Family.Leakage, monitor: "membership"),
            Findings.Make(4, family: Family.Drift, monitor: "evidence"),
            Findings.Make(5, family: Family.Outlier, monitor: "outlier"));
        await harness.ConsumedAsync(5);
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "one message");

        var incidents = await harness.IncidentsAsync();
        var attack = Assert.Single(incidents, i => i.Client == "mallory");
        Assert.Equal(3, attack.FindingCount);
        Assert.All(incidents.Where(i => i != attack), i => Assert.Equal(attack.Id, i.InhibitedById));
        Assert.Single(await harness.NotificationsAsync());
    }

    [Fact]
    public async Task Inhibited_AttackIsClosed_NextFindingIsTold()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        await harness.PublishAsync(Findings.Make(1, client: "mallory"), Findings.Make(2, family: Family.Drift));
        await harness.ConsumedAsync(2);
        var attack = (await harness.IncidentsAsync()).Single(i => i.Family == Family.Extraction);
        await Actions(harness).ResolveAsync(attack.Id, s_anna, "key revoked", Token);
        await harness.PublishAsync(Findings.Make(3, family: Family.Drift));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 3, "attack opened, attack resolved, drift opened");
        Assert.Contains(hook.Accepted.Values, b => b.GetProperty("data").GetProperty("family").GetString() == "drift");
    }

    [Fact]
    public async Task ClientsSharedByCohorts_JoinOneIncident()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        var lineage = Findings.Make(1, family: Family.Adversarial);
        lineage.Clients.AddRange(["a", "b", "c"]);
        await harness.PublishAsync(lineage, Findings.Make(2, client: "b", family: Family.Extraction), Findings.Make(3, client: "z", family: Family.Extraction));
        await harness.ConsumedAsync(3);
        Assert.Equal([2L, 1L], (await harness.IncidentsAsync()).Select(i => i.FindingCount).OrderDescending());
    }

    [Fact]
    public async Task Storm_ThousandModelsTenFindingsEach_FewMessagesAllMembersListed()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"alerting: {{ stormModels: 20, stormWindow: 60s }}\nreceivers:\n{hook.Yaml()}");
        var at = TimeProvider.System.GetUtcNow();
        for (var round = 0; round < 10; round++)
        {
            await harness.PublishAsync([.. Enumerable.Range(0, 1000).Select(i => Findings.Make((round * 1000) + i, model: $"m{i:0000}", family: Family.Drift, at: at.AddMilliseconds((round * 1000) + i)))]);
        }

        await Eventually.TrueAsync(async () => await harness.FindingCountAsync() == 10_000, "10,000 findings consumed", TimeSpan.FromSeconds(120));
        await Eventually.TrueAsync(async () => (await harness.NotificationsAsync()).All(n => n.State == NotificationState.Delivered), "all delivered", TimeSpan.FromSeconds(60));

        var incidents = await harness.IncidentsAsync();
        var storm = Assert.Single(incidents, i => i.IsStorm);
        Assert.Equal(1000, storm.MemberModels);
        Assert.Equal(1000, incidents.Count(i => i.ParentId == storm.Id));
        Assert.StartsWith("1,000 models", storm.Sentence, StringComparison.Ordinal);

        // 19 by themselves before the storm is known, one when it is, one at two hundred.
        Assert.Equal(21, hook.Accepted.Count);
        Assert.Equal(["grown-200", "opened"], (await harness.NotificationsAsync()).Where(n => n.Subject == storm.Id).Select(n => n.Transition).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Change_IsNoMessageAtOnceButALineOfTheDailyDigest()
    {
        await using var hook = await WebhookDouble.StartAsync();
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 22, 10, 0, 0, TimeSpan.Zero));
        await using var harness = await AlertingHarness.StartAsync($"alerting: {{ digestAt: 8h, resolveAfter: 30d }}\nreceivers:\n{hook.Yaml("all", "change")}\n{hook.Yaml("pager", "harm")}", time);
        await harness.PublishAsync(Findings.Make(1, family: Family.Drift, severity: Severity.Change, at: time.GetUtcNow()), Findings.Make(2, model: "flights", family: Family.Drift, severity: Severity.Record, at: time.GetUtcNow()));
        await harness.ConsumedAsync(2);
        var digest = harness.App.Services.GetRequiredService<DailyDigest>();
        Assert.Equal(0, await digest.SendIfDueAsync(Token));
        Assert.Empty(await harness.NotificationsAsync());

        time.Advance(TimeSpan.FromHours(22.5));
        await digest.SendIfDueAsync(Token);
        await digest.SendIfDueAsync(Token);
        var row = Assert.Single(await harness.NotificationsAsync());
        Assert.Equal(("digest-2026-11-23", "all"), (row.Subject, row.Receiver));
        Assert.Single(IncidentMessage.FromJson(row.Message).Lines);

        // Listed once.
        time.Advance(TimeSpan.FromHours(24));
        Assert.Equal(0, await digest.SendIfDueAsync(Token));
    }

    [Fact]
    public async Task Record_IsKeptAndTellsOnlyWhoWantsEverything()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml("all", "record")}\n{hook.Yaml("pager", "harm")}");
        await harness.PublishAsync(Findings.Make(1, severity: Severity.Record));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "one message");
        Assert.Equal("all", Assert.Single(await harness.NotificationsAsync()).Receiver);
    }

    [Fact]
    public async Task Escalation_FromChangeToHarm_IsTold()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml("all", "record")}");
        await harness.PublishAsync(Findings.Make(1, severity: Severity.Change), Findings.Make(2, severity: Severity.Harm), Findings.Make(3, severity: Severity.Harm));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 2, "two messages");
        Assert.Equal(["opened", "escalated"], (await harness.NotificationsAsync()).Select(n => n.Transition));
    }

    [Fact]
    public async Task Stale_UpdatesWithoutPaging_ThenTheFirstFreshFindingPages()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"alerting: {{ resolveAfter: 30d }}\nreceivers:\n{hook.Yaml()}");
        await harness.PublishAsync(Findings.Make(1, at: TimeProvider.System.GetUtcNow().AddHours(-3)));
        await harness.ConsumedAsync(1);
        Assert.Equal("stale", Assert.Single(await harness.IncidentsAsync()).Suppression);
        Assert.Empty(await harness.NotificationsAsync());

        await harness.PublishAsync(Findings.Make(2));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "paged");
        Assert.Equal("", Assert.Single(await harness.IncidentsAsync()).Suppression);
    }

    [Fact]
    public async Task Expected_ClientIsShownNotPaged_UnlessAStrangerTakesPart()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"models:\n- {{ name: digits, expected: [ backfill ] }}\nreceivers:\n{hook.Yaml()}");
        var backfill = harness.App.Services.GetRequiredService<ClientSealer>().Seal("client", "backfill");
        await harness.PublishAsync(Findings.Make(1, client: backfill));
        await harness.ConsumedAsync(1);
        Assert.Equal("expected client", Assert.Single(await harness.IncidentsAsync()).Suppression);

        var mixed = Findings.Make(2, client: backfill);
        mixed.Clients.Add("stranger");
        await harness.PublishAsync(mixed);
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "paged");
    }

    [Fact]
    public async Task Clients_AreNamedInMessagesOnlyWhereTheConfigurationSaysSo()
    {
        foreach (var reveal in (bool[])[false, true])
        {
            await using var harness = await AlertingHarness.StartAsync($"alerting: {{ revealClients: {(reveal ? "true" : "false")} }}");
            await harness.PublishAsync(Findings.Make(1, client: harness.App.Services.GetRequiredService<ClientSealer>().Seal("client", "acme-batch-7")));
            await harness.ConsumedAsync(1);
            Assert.Equal(reveal, Assert.Single(await harness.IncidentsAsync()).Sentence.Contains("acme-batch-7", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Silence_HoldsMessagesUntilItEnds()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        var id = await Actions(harness).SilenceAsync(s_anna, "digits", "", Family.Unspecified, TimeSpan.FromHours(1), "maintenance", Token);
        await harness.PublishAsync(Findings.Make(1), Findings.Make(2, model: "flights"));
        await harness.ConsumedAsync(2);
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "only the other model");
        Assert.Equal($"silence {id}", (await harness.IncidentsAsync()).Single(i => i.Model == "digits").Suppression);

        Assert.True(await Actions(harness).EndSilenceAsync(s_anna, id, Token));
        Assert.False(await Actions(harness).EndSilenceAsync(s_anna, id, Token));
        await harness.PublishAsync(Findings.Make(3));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 2, "told after the silence");
    }

    [Fact]
    public async Task Quiet_Resolves_TellsWhoWasTold_AndTheNextFindingOpensANewIncident()
    {
        await using var hook = await WebhookDouble.StartAsync();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var harness = await AlertingHarness.StartAsync($"alerting: {{ resolveAfter: 1h }}\nreceivers:\n{hook.Yaml()}", time);
        await harness.PublishAsync(Findings.Make(1, at: time.GetUtcNow()));
        await harness.ConsumedAsync(1);
        var keeper = harness.App.Services.GetRequiredService<IncidentKeeper>();
        time.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(0, await keeper.ResolveQuietAsync(Token));
        time.Advance(TimeSpan.FromMinutes(2));
        await keeper.ResolveQuietAsync(Token);
        Assert.Equal(IncidentState.Resolved, Assert.Single(await harness.IncidentsAsync()).State);
        Assert.Equal(["opened", "resolved"], (await harness.NotificationsAsync()).OrderBy(n => n.Sequence).Select(n => n.Transition));

        await harness.PublishAsync(Findings.Make(2, at: time.GetUtcNow()));
        await harness.ConsumedAsync(2);
        Assert.Equal(2, (await harness.IncidentsAsync()).Count);
    }

    [Fact]
    public async Task Acts_FollowTheStateMachineInOrderAndLeaveAuditRows()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        await harness.PublishAsync(Findings.Make(1));
        await harness.ConsumedAsync(1);
        var id = (await harness.IncidentsAsync()).Single().Id;
        var actions = Actions(harness);
        Assert.Equal(ActOutcome.Done, await actions.AcknowledgeAsync(id, s_anna, Token));
        Assert.Equal(ActOutcome.NotNow, await actions.AcknowledgeAsync(id, s_anna, Token));
        Assert.Equal(ActOutcome.Done, await actions.NoteAsync(id, s_anna, "asked the owner", Token));
        Assert.Equal(ActOutcome.Done, await actions.HoldAsync(id, s_anna, true, Token));
        Assert.Equal(ActOutcome.Done, await actions.FalseAlarmAsync(id, s_anna, "load test", Token));
        Assert.Equal(ActOutcome.NotNow, await actions.ResolveAsync(id, s_anna, "", Token));
        Assert.Equal(ActOutcome.NotFound, await actions.AcknowledgeAsync("inc-none", s_anna, Token));
        Assert.Equal(ActOutcome.Forbidden, await actions.AcknowledgeAsync(id, new Actor("bob", ["flights"]), Token));

        await Eventually.TrueAsync(() => hook.AcceptedOrder.Count == 3, "three messages");
        Assert.Equal(["opened", "acknowledged", "falseAlarm"], hook.AcceptedOrder.Select(i => hook.Accepted[i].GetProperty("data").GetProperty("transition").GetString()));
        var incident = Assert.Single(await harness.IncidentsAsync());
        Assert.Equal((IncidentState.FalseAlarm, true, "anna"), (incident.State, incident.Held, incident.Assignee));
        var audit = await harness.Database.ReadAsync((c, t) => c.Audit.OrderBy(a => a.Id).Select(a => a.Actor + " " + a.Action + " " + a.Outcome).ToListAsync(t), Token);
        Assert.Equal(
            [
                "anna incident.acknowledge done", "anna incident.acknowledge refused", "anna incident.note done", "anna incident.hold done",
                "anna incident.falseAlarm done", "anna incident.resolve refused", "anna incident.acknowledge refused", "bob incident.acknowledge refused",
            ],
            audit);
    }

    [Fact]
    public async Task Storm_Resolved_TakesItsMembersAlong()
    {
        await using var harness = await AlertingHarness.StartAsync("alerting: { stormModels: 3 }");
        await harness.PublishAsync([.. Enumerable.Range(0, 5).Select(i => Findings.Make(i, model: $"m{i}", family: Family.Drift))]);
        await harness.ConsumedAsync(5);
        var storm = (await harness.IncidentsAsync()).Single(i => i.IsStorm);
        Assert.Equal(ActOutcome.Done, await Actions(harness).ResolveAsync(storm.Id, s_anna, "rolled back", Token));
        Assert.All(await harness.IncidentsAsync(), i => Assert.Equal(IncidentState.Resolved, i.State));
    }

    [Fact]
    public async Task NoData_OpensOnceWhileItLastsAndResolvesWhenEventsArrive()
    {
        await using var hook = await WebhookDouble.StartAsync();
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var harness = await AlertingHarness.StartAsync($"models:\n- {{ name: digits }}\nalerting: {{ noDataAfter: 10m, resolveAfter: 30d }}\nreceivers:\n{hook.Yaml()}", time);
        var watch = harness.App.Services.GetRequiredService<TrafficWatch>();
        watch.Seen("digits", UnixNano.Now(time));
        time.Advance(TimeSpan.FromMinutes(9));
        await watch.CheckAsync(Token);
        Assert.Empty(await harness.IncidentsAsync());
        time.Advance(TimeSpan.FromMinutes(2));
        await watch.CheckAsync(Token);
        await watch.CheckAsync(Token);
        var incident = Assert.Single(await harness.IncidentsAsync());
        Assert.Equal((Family.Pipeline, 1L), (incident.Family, incident.FindingCount));

        // A real event, seen through the log by its key alone; shards belong to their model.
        await Eventually.TrueAsync(
            async () =>
            {
                await harness.Log.AppendAsync(Topics.InferenceEvents, new LogRecord("digits#3"u8.ToArray(), new byte[] { 1 }, [new LogHeader(Headers.LogTime, Encoding.UTF8.GetBytes(UnixNano.Now(time).ToString(CultureInfo.InvariantCulture)))]), Token);
                await watch.CheckAsync(Token);
                return (await harness.IncidentsAsync()).Single().State == IncidentState.Resolved;
            },
            "resolved by an event");
        Assert.Equal(IncidentState.Resolved, Assert.Single(await harness.IncidentsAsync()).State);
    }

    [Fact]
    public async Task Evidence_IsCopiedWithItsHashAndMissingIsSaid()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        LogPosition last = default;
        for (var i = 0; i < 20; i++)
        {
            last = await harness.Log.AppendAsync(Topics.InferenceEvents, new LogRecord("digits"u8.ToArray(), new InferenceEvent { Id = $"event-{i}" }.ToByteArray(), [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"event-{i}")))]), Token);
        }

        var finding = Findings.Make(last.Offset, partition: last.Partition);
        finding.SampleEventIds.AddRange(["event-3", "event-19"]);
        var gone = Findings.Make(last.Offset, partition: last.Partition, model: "flights", ordinal: 1);
        gone.SampleEventIds.AddRange(["event-4", "event-retired"]);
        await harness.PublishAsync(finding, gone);
        await harness.ConsumedAsync(2);
        await Eventually.TrueAsync(async () => !await harness.Database.ReadAsync((c, t) => c.IncidentFindings.AnyAsync(f => f.Pin == PinState.Pending, t)), "pinned");

        var pinned = await harness.Database.ReadAsync((c, t) => c.PinnedEvidence.OrderBy(p => p.EventId).ToListAsync(t), Token);
        Assert.Equal(["event-19", "event-3", "event-4"], pinned.Select(p => p.EventId));
        Assert.All(pinned, p => Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(p.Payload)), p.Sha256));
        Assert.Equal("event-3", InferenceEvent.Parser.ParseFrom(pinned[1].Payload).Id);
        var states = await harness.Database.ReadAsync((c, t) => c.IncidentFindings.ToDictionaryAsync(f => f.FindingId, f => f.Pin, t), Token);
        Assert.Equal((PinState.Pinned, PinState.Incomplete), (states[finding.Id], states[gone.Id]));
    }

    [Fact]
    public void Schedule_GrowsWithJitterAndEnds()
    {
        var waits = Enumerable.Range(1, 10).Select(a => DeliverySchedule.After(a, "msg_1")!.Value).ToList();
        Assert.Equal(waits.Order(), waits);
        Assert.InRange(waits[0].TotalSeconds, 4.5, 5.5);
        Assert.InRange(waits[9].TotalHours, 21.6, 26.4);
        Assert.NotEqual(waits[0], DeliverySchedule.After(1, "msg_2"));
        Assert.Null(DeliverySchedule.After(11, "msg_1"));
    }

    [Fact]
    public void Sentence_Theft_SaysWhoSinceWhenHowMuchAndHowClose()
    {
        var finding = Findings.Make(1, client: "acme-batch-7", at: new DateTimeOffset(2026, 11, 21, 15, 5, 0, TimeSpan.Zero));
        finding.SinceUnixNano = UnixNano.Of(new DateTimeOffset(2026, 11, 21, 14, 5, 0, TimeSpan.Zero));
        finding.Events = 4180;
        finding.Measures.Add(new Measure { Name = "agreement-low", Value = 0.79 });
        finding.Measures.Add(new Measure { Name = "agreement-high", Value = 0.87 });
        var incident = new Incident
        {
            Id = "inc-1",
            CorrelationKey = "k",
            State = IncidentState.Open,
            Severity = Severity.Harm,
            Family = Family.Extraction,
            Model = "digits",
            ModelVersion = "1",
            Client = "acme-batch-7",
            Sentence = "",
            SinceUnixNano = finding.SinceUnixNano,
            OpenedUnixNano = finding.TimeUnixNano,
            LastFindingUnixNano = finding.TimeUnixNano,
        };
        IncidentMerge.Apply(incident, finding);
        Assert.Equal("Client acme-batch-7 asked digits 4,180 questions since Sat 14:05 UTC; its copy now agrees on 79 to 87 %.", new IncidentSentence(id => id).Compose(incident, finding));

        // A budget that is spent is certain and stands on one event; the sealed id is shown as everywhere.
        finding.Events = 1;
        finding.Measures.Add(new Measure { Name = "queries", Value = 4300 });
        finding.Summary = "The client acme-batch-7 asked 4300 distinct queries";
        IncidentMerge.Apply(incident, finding);
        Assert.Equal(
            "Client acme… asked digits 4,300 questions since Sat 14:05 UTC; its copy now agrees on 79 to 87 %. The client acme… asked 4300 distinct queries.",
            new IncidentSentence(id => id[..4] + "…").Compose(incident, finding));
    }

    private static IncidentActions Actions(AlertingHarness harness) => harness.App.Services.GetRequiredService<IncidentActions>();
}
