using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.TestKit;

namespace Monitoring.Alerting.Tests;

/// <summary>Alone in its process while it runs: it looks at the heap.</summary>
[CollectionDefinition(nameof(BurstTests), DisableParallelization = true)]
[Collection(nameof(BurstTests))]
public sealed class BurstTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task TenThousandFindingsInBursts_ThirtyPercentFailures_EverythingArrivesOnceInOrder_InBoundedMemory()
    {
        const int Total = 10_000;
        const int Models = 500;

        // Held in memory, 10,000 findings of this size would be more than the bound.
        const int FindingBytes = 6500;
        const long Bound = 48L << 20;
        await using var hook = await WebhookDouble.StartAsync();
        await using var dead = await WebhookDouble.StartAsync();
        await dead.DisposeAsync();
        var random = new Random(7);
        var gate = new Lock();
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        hook.Before = (_, token) => open.Task.WaitAsync(token);
        hook.Answer = _ =>
        {
            lock (gate)
            {
                return random.NextDouble() >= 0.3 ? null : Results.StatusCode(random.Next(3) switch { 0 => 503, 1 => 429, _ => 500 });
            }
        };
        await using var harness = await AlertingHarness.StartAsync($"alerting: {{ stormModels: 100000 }}\nreceivers:\n{dead.Yaml("dead", "record")}\n{hook.Yaml("hook", "record")}");
        await harness.PublishAsync(Make(0));
        await harness.ConsumedAsync(1);
        var before = Heap();
        for (var burst = 0; burst < 20; burst++)
        {
            await harness.PublishAsync([.. Enumerable.Range(burst * 500, 500).Where(i => i > 0).Select(i => Make(i))]);
        }

        // All of it is taken in while the one receiver hangs and the other is dead: what waits, waits in the database.
        await Eventually.TrueAsync(async () => await harness.FindingCountAsync() >= Total, "all findings consumed", s_limit);
        Assert.Equal(Total, await harness.FindingCountAsync());
        Assert.Empty(hook.Accepted);
        var growth = Heap() - before;
        Assert.True(growth < Bound, $"the heap grew by {growth >> 20} MiB");

        // Every incident opened, then escalated, in this order, whatever failed.
        open.SetResult();
        await Eventually.TrueAsync(() => hook.Accepted.Count == 2 * Models, "every transition of every incident accepted", s_limit);
        Assert.Empty(hook.Repeated);
        Assert.Empty(hook.Violations);
        var order = hook.AcceptedOrder.Select(id => hook.Accepted[id].GetProperty("data")).GroupBy(d => d.GetProperty("model").GetString());
        Assert.All(order, g => Assert.Equal(["opened", "escalated"], g.Select(d => d.GetProperty("transition").GetString())));

        Finding Make(int i)
        {
            // The weight is a field that this build does not know: it is carried and kept, and no stage looks at it.
            using var bytes = new MemoryStream();
            using (var output = new CodedOutputStream(bytes, leaveOpen: true))
            {
                Findings.Make(i, model: $"m{i % Models}", severity: i < Total / 2 ? Severity.Change : Severity.Harm).WriteTo(output);
                output.WriteTag(1000, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(new byte[FindingBytes]));
            }

            return Finding.Parser.ParseFrom(bytes.ToArray());
        }
    }

    private static long Heap()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
