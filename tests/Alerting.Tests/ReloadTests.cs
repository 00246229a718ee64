using Microsoft.AspNetCore.Http;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.Storage;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>Receivers, routes and policies that change while messages are on their way: none is lost, none is sent twice.</summary>
public sealed class ReloadTests
{
    private const int Models = 40;
    private const string NoStorms = "alerting: { stormModels: 100000 }";

    [Fact]
    public async Task Receivers_change_come_and_go_under_load_and_every_message_arrives_once()
    {
        await using var first = await WebhookDouble.StartAsync();
        await using var second = await WebhookDouble.StartAsync();
        await using var third = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{first.Yaml("a")}\n{second.Yaml("b")}\n{NoStorms}");
        var offset = 0;
        async Task PublishAsync(string round)
        {
            await harness.PublishAsync([.. Enumerable.Range(0, Models).Select(m => Findings.Make(++offset, model: $"{round}-{m}"))]);
        }

        // a moves to another address, b goes, c comes, while the messages of the first round are on their way.
        await PublishAsync("one");
        await Eventually.TrueAsync(() => first.Accepted.Count > 0 && second.Accepted.Count > 0, "the first messages arrive");
        var moved = await harness.ReloadAsync($"receivers:\n{third.Yaml("a")}\n{first.Yaml("c")}\n{NoStorms}");
        Assert.Empty(moved.Errors);
        Assert.Equal(["receivers"], moved.Applied);
        Assert.Empty(moved.AtNextStart);
        await PublishAsync("two");

        // And b comes back.
        var back = await harness.ReloadAsync($"receivers:\n{second.Yaml("b")}\n{third.Yaml("a")}\n{first.Yaml("c")}\n{NoStorms}");
        Assert.Empty(back.Errors);
        await PublishAsync("three");

        await harness.ConsumedAsync(3 * Models);
        await Eventually.TrueAsync(async () => (await harness.NotificationsAsync()).All(n => n.State == NotificationState.Delivered), "every message is delivered");
        var rows = await harness.NotificationsAsync();

        // Which configuration a finding meets is a race; that it is told to somebody, and each message arrives once, is not.
        Assert.Equal(3 * Models, rows.Where(r => r.Receiver == "a").Select(r => r.Subject).Distinct().Count());
        var arrived = new[] { first, second, third }.SelectMany(h => h.Accepted.Keys).ToList();
        Assert.Equal(rows.Select(r => r.Id).Order(StringComparer.Ordinal), arrived.Order(StringComparer.Ordinal));
        Assert.All(new[] { first, second, third }, h => Assert.Empty(h.Repeated));
        Assert.All(new[] { first, second, third }, h => Assert.Empty(h.Violations));
        Assert.Contains(rows, r => r.Receiver == "c");
        Assert.Contains(rows, r => r.Receiver == "b");
    }

    [Fact]
    public async Task What_waits_for_a_removed_receiver_is_still_sent_and_nothing_new_is_made()
    {
        await using var hook = await WebhookDouble.StartAsync();
        var isAway = true;
        hook.Answer = _ => Volatile.Read(ref isAway) ? Results.StatusCode(StatusCodes.Status503ServiceUnavailable) : null;
        await using var other = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml("old")}");
        await harness.PublishAsync(Findings.Make(1, model: "m1"));
        await Eventually.TrueAsync(() => hook.Calls.Count > 0, "the receiver is tried");

        Assert.Empty((await harness.ReloadAsync($"receivers:\n{other.Yaml("new")}")).Errors);
        await harness.PublishAsync(Findings.Make(2, model: "m2"));
        await Eventually.TrueAsync(() => other.Accepted.Count == 1, "the new receiver is told of the new incident");
        Assert.Empty(hook.Accepted);
        Volatile.Write(ref isAway, false);
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "the old one gets what waited for it", TimeSpan.FromMinutes(2));

        var rows = await harness.NotificationsAsync();
        Assert.Equal(["new", "old"], rows.Select(r => r.Receiver).Order(StringComparer.Ordinal));
        Assert.Empty(hook.Repeated);
    }

    [Fact]
    public async Task Routes_and_what_is_expected_take_effect()
    {
        await using var drift = await WebhookDouble.StartAsync();
        await using var rest = await WebhookDouble.StartAsync();
        var receivers = $"receivers:\n{drift.Yaml("drift")}\n{rest.Yaml("rest")}\n";
        await using var harness = await AlertingHarness.StartAsync(receivers + "routes:\n- { receiver: rest }\n");
        await harness.PublishAsync(Findings.Make(1, model: "m1", family: Family.Drift));
        await Eventually.TrueAsync(() => rest.Accepted.Count == 1, "everything goes to the rest");

        var result = await harness.ReloadAsync(receivers + "routes:\n- { receiver: drift, families: [drift] }\n- { receiver: rest }\n");
        Assert.Empty(result.Errors);
        Assert.Equal(["routes"], result.Applied);
        await harness.PublishAsync(Findings.Make(2, model: "m2", family: Family.Drift), Findings.Make(3, model: "m3", family: Family.Extraction));
        await Eventually.TrueAsync(() => drift.Accepted.Count == 1 && rest.Accepted.Count == 2, "drift has its own receiver now");
        Assert.Equal("m2", drift.Calls[0].Data.GetProperty("model").GetString());
    }

    [Theory]
    [InlineData("receivers:\n- { name: hook, webhook: { url: 'nonsense' } }", "url")]
    [InlineData("receivers:\n- { name: hook, slack: { url: 'env:MONITORING_TEST_NO_SUCH_SECRET' } }", "MONITORING_TEST_NO_SUCH_SECRET")]
    [InlineData("routes:\n- { receiver: nobody }", "nobody")]
    public async Task A_bad_file_keeps_the_old_receivers_and_says_so(string yaml, string part)
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"receivers:\n{hook.Yaml()}");
        var result = await harness.ReloadAsync(yaml);
        Assert.Contains(result.Errors, e => e.Contains(part, StringComparison.Ordinal));
        Assert.Empty(result.Applied);
        await harness.PublishAsync(Findings.Make(1));
        await Eventually.TrueAsync(() => hook.Accepted.Count == 1, "the old receiver is told");
        Assert.Equal(["hook"], (await harness.NotificationsAsync()).Select(n => n.Receiver));
    }
}
