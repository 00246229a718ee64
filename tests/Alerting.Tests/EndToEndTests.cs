using Microsoft.AspNetCore.Http;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>Finding in the log to signed webhook at a receiver, everything real but the monitors.</summary>
public sealed class EndToEndTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Finding_Harm_IsDeliveredOnceSignedAndRecorded()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        await harness.PublishAsync(Findings.Make(10, client: "acme-batch-7"), Findings.Make(11, client: "acme-batch-7"), Findings.Make(12, client: "acme-batch-7", family: Family.Adversarial, monitor: "query-similarity"));
        await harness.ConsumedAsync(3);
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "one message accepted");

        var incident = Assert.Single(await harness.IncidentsAsync());
        Assert.Equal(3, incident.FindingCount);
        Assert.StartsWith("Client acme-batch-7 asked digits", incident.Sentence, StringComparison.Ordinal);
        Assert.Equal(["hardness", "query-similarity"], incident.Details.Monitors);
        var data = hook.Calls[0].Data;
        Assert.Equal(incident.Id, data.GetProperty("incident").GetString());
        Assert.Equal("opened", data.GetProperty("transition").GetString());
        Assert.Empty(hook.Violations);
        Assert.Empty(hook.Repeated);

        var published = await PublishedAsync(harness, 1);
        Assert.Equal("delivered", published[0].Outcome);
        Assert.Equal(incident.Id, published[0].Incident);
        Assert.Equal(hook.Calls[0].Id, published[0].Id);
    }

    [Fact]
    public async Task Start_RehearsesWithoutATrace()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        Assert.Empty(await harness.IncidentsAsync());
        Assert.Empty(await harness.NotificationsAsync());

        // The first real finding is the first of everything.
        await harness.PublishAsync(Findings.Make(10));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "one message accepted");
        Assert.DoesNotContain(hook.Calls, c => c.Body.Contains("rehearsal", StringComparison.Ordinal));
        Assert.Equal("digits", Assert.Single(await harness.IncidentsAsync()).Model);
    }

    [Fact]
    public async Task Findings_SentAgain_ChangeNothing()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        var at = TimeProvider.System.GetUtcNow();
        Finding[] findings = [Findings.Make(10, at: at), Findings.Make(10, at: at, ordinal: 1), Findings.Make(11, at: at)];
        await harness.PublishAsync(findings);
        await harness.PublishAsync(findings);
        await harness.PublishAsync(Findings.Make(12, at: at));
        await harness.ConsumedAsync(4);
        Assert.Equal(4, await harness.FindingCountAsync());
    }

    [Fact]
    public async Task Finding_OfAnotherModelOfTheSameSourcePartitionArrivingLate_IsNotTakenForARepeat()
    {
        // Two models of one input partition may lie in two partitions of the findings topic, read in any order.
        await using var harness = await AlertingHarness.StartAsync("");
        await harness.Log.AppendAsync(Topics.Findings, Findings.Record(Findings.Make(100, model: "a")) with { Partition = 0 }, Token);
        await harness.ConsumedAsync(1);
        await harness.Log.AppendAsync(Topics.Findings, Findings.Record(Findings.Make(50, model: "b")) with { Partition = 1 }, Token);
        await harness.ConsumedAsync(2);
    }

    [Fact]
    public async Task Undecodable_GoesToTheDeadLettersWithTheReasonAndTheRestGoesOn()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        await harness.Log.AppendAsync(Topics.Findings, new LogRecord("digits"u8.ToArray(), "\xff\xff\xff not protobuf"u8.ToArray(), []), Token);
        await harness.PublishAsync(Findings.Make(10));
        await harness.ConsumedAsync(1);
        var dead = new List<LogEntry>();
        await Eventually.TrueAsync(async () => (dead = await ReadAsync(harness.Log, Topics.DeadLetters(Topics.Findings, "alerting"), 0)).Count == 1, "one dead letter");
        Assert.Contains(dead[0].Headers, h => h.Name == Headers.DeadLetterReason && h.Value.Length > 0);
        Assert.Contains(dead[0].Headers, h => h.Name == Headers.DeadLetterOrigin);
    }

    [Fact]
    public async Task Receiver_Dead_DelaysNoOther()
    {
        await using var alive = await WebhookDouble.StartAsync();
        await using var dead = await WebhookDouble.StartAsync();
        var hang = new TaskCompletionSource();
        dead.Before = (_, token) => hang.Task.WaitAsync(token);
        await using var harness = await AlertingHarness.StartAsync($"alerting: {{ stormModels: 100000 }}\nreceivers:\n{dead.Yaml("dead")}\n{alive.Yaml("alive")}");
        await harness.PublishAsync([.. Enumerable.Range(0, 50).Select(i => Findings.Make(i, model: $"m{i}"))]);
        await Eventually.TrueAsync(() => alive.Accepted.Count == 50, "the living one has all");
        Assert.Empty(dead.Accepted);
        hang.SetResult();
    }

    [Fact]
    public async Task Receiver_RejectsForGood_IsRecordedAsFailedAndNotTriedAgain()
    {
        await using var hook = await WebhookDouble.StartAsync();
        hook.Answer = _ => Results.BadRequest("no such channel");
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        await harness.PublishAsync(Findings.Make(1));
        var published = await PublishedAsync(harness, 1);
        Assert.Equal("failed", published[0].Outcome);
        Assert.Contains("HTTP 400", published[0].Detail, StringComparison.Ordinal);
        Assert.Single(hook.Calls);
    }

    [Fact]
    public async Task Receiver_PrivateAddressNotAllowed_IsRefusedWithoutACall()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml().Replace("allowPrivateAddresses: true", "allowPrivateAddresses: false", StringComparison.Ordinal)}");
        await harness.PublishAsync(Findings.Make(1));
        var published = await PublishedAsync(harness, 1);
        Assert.Equal("failed", published[0].Outcome);
        Assert.Contains("allowPrivateAddresses", published[0].Detail, StringComparison.Ordinal);
        Assert.Empty(hook.Calls);
    }

    [Fact]
    public async Task Receiver_Redirects_IsNotFollowed()
    {
        await using var target = await WebhookDouble.StartAsync();
        await using var hook = await WebhookDouble.StartAsync();
        hook.Answer = _ => Results.Redirect(target.Url, permanent: false, preserveMethod: true);
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        await harness.PublishAsync(Findings.Make(1));
        var published = await PublishedAsync(harness, 1);
        Assert.Equal("failed", published[0].Outcome);
        Assert.Empty(target.Calls);
    }

    [Fact]
    public async Task Restart_AfterTheSenderDiedSending_SendsAgainUnderTheSameIdAndCountsIt()
    {
        using var directory = new TemporaryDirectory();
        await using var hook = await WebhookDouble.StartAsync();
        var yaml = $"receivers:\n{hook.Yaml()}";
        string id;
        await using (var first = await AlertingHarness.StartAsync(yaml, directory: directory.Path))
        {
            await first.PublishAsync(Findings.Make(1));
            await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "accepted");
            await PublishedAsync(first, 1);
            id = hook.Calls[0].Id;

            // As a kill between the answer and the commit leaves it.
            await first.Database.WriteAsync(async (context, token) =>
            {
                var row = await Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.SingleAsync(context.Notifications, token);
                row.State = NotificationState.Sending;
                row.Published = false;
                row.LeaseUntilUnixNano = long.MaxValue;
            }, Token);
        }

        await using var second = await AlertingHarness.StartAsync(yaml, directory: directory.Path);
        await Eventually.TrueAsync(() => hook.Calls.Count == 2, "sent again");
        Assert.Equal(id, hook.Calls[1].Id);
        Assert.Equal([id], hook.Repeated);
        var published = await PublishedAsync(second, 2);
        Assert.Equal("uncertain", published[1].Outcome);
    }

    [Fact]
    public async Task Restart_LogReplaced_SaysSoInsteadOfSwallowingFindings()
    {
        using var directory = new TemporaryDirectory();
        await using (var first = await AlertingHarness.StartAsync("", directory: directory.Path))
        {
            await first.PublishAsync(Findings.Make(1), Findings.Make(2));
            await first.ConsumedAsync(2);
        }

        System.IO.Directory.Delete(Path.Combine(directory.Path, "data", "log"), recursive: true);
        await using var second = await AlertingHarness.StartAsync("", directory: directory.Path);
        var readiness = new AlertingReadiness(Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<AlertingService>(second.App.Services));
        await Eventually.TrueAsync(async () => (await readiness.CheckAsync(Token))?.Contains("the log was replaced or cut", StringComparison.Ordinal) == true, "the reason is told");
    }

    private static async Task<List<Notification>> PublishedAsync(AlertingHarness harness, int count)
    {
        var published = new List<Notification>();
        await Eventually.TrueAsync(async () =>
        {
            published = (await ReadAsync(harness.Log, Topics.Notifications, 0)).ConvertAll(e => Notification.Parser.ParseFrom(e.Value!.Value.Span));
            return published.Count >= count;
        }, $"{count} outcomes published");
        return published;
    }

    private static async Task<List<LogEntry>> ReadAsync(IEventLog log, string topic, int partition)
    {
        var range = await log.GetOffsetsAsync(topic, partition, Token);
        var entries = new List<LogEntry>();
        await foreach (var entry in log.ReadAsync(topic, partition, range.Start, range.End, Token))
        {
            entries.Add(entry);
        }

        return entries;
    }
}
