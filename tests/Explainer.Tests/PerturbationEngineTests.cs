namespace Monitoring.Explainer.Tests;

public sealed class PerturbationEngineTests
{
    private static DelegateModel Echo() => new(1, 1, (row, output) => output.Span[0] = row.Span[0]);

    private static FillRows Numbers(int start) => (first, count, rows) =>
    {
        for (var i = 0; i < count; i++)
        {
            rows[i] = start + first + i;
        }
    };

    [Fact]
    public async Task Every_request_gets_its_own_rows_in_order_though_batches_are_shared()
    {
        var model = Echo();
        using var gate = new ManualResetEventSlim(false);
        model.BeforeRun = gate.Wait;
        var engine = new PerturbationEngine(model, batchRows: 64);
        var tasks = Enumerable.Range(0, 50).Select(r => engine.RunAsync(new PerturbationRequest(10 + r, Numbers(r * 1000)), CancellationToken.None)).ToList();
        gate.Set();
        for (var r = 0; r < 50; r++)
        {
            var results = await tasks[r];
            Assert.Equal(Enumerable.Range(r * 1000, 10 + r).Select(v => (double)v), results);
        }

        // 1,725 rows fill 27 batches of 64; the first two may have started with what was there.
        Assert.Equal(1725, model.Rows);
        Assert.InRange(model.Runs, 27, 29);
    }

    [Fact]
    public async Task Urgent_goes_first_and_progress_is_told()
    {
        var model = Echo();
        using var gate = new ManualResetEventSlim(false);
        model.BeforeRun = gate.Wait;
        var engine = new PerturbationEngine(model, batchRows: 10);
        var order = new List<string>();
        var slow = engine.RunAsync(new PerturbationRequest(200, Numbers(0)) { Progress = new Told(n => Add(order, $"slow {n}")) }, CancellationToken.None);
        var urgent = engine.RunAsync(new PerturbationRequest(10, Numbers(0)) { Urgent = true, Progress = new Told(n => Add(order, $"urgent {n}")) }, CancellationToken.None);
        gate.Set();
        await Task.WhenAll(slow, urgent);
        Assert.InRange(order.IndexOf("urgent 10"), 0, 2);
        Assert.Equal("slow 200", order[^1]);
    }

    [Fact]
    public async Task Budget_is_checked_before_anything_runs()
    {
        var model = Echo();
        var engine = new PerturbationEngine(model);
        var error = await Assert.ThrowsAsync<RowBudgetException>(() => engine.RunAsync(new PerturbationRequest(101, Numbers(0)) { Budget = 100 }, CancellationToken.None));
        Assert.Contains("101 model rows, its budget is 100", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, model.Rows);
    }

    [Fact]
    public async Task Cancelled_request_stops_and_the_others_go_on()
    {
        var model = Echo();
        var engine = new PerturbationEngine(model, batchRows: 10);
        using var cancel = new CancellationTokenSource();
        var cancelled = engine.RunAsync(new PerturbationRequest(1_000_000, Numbers(0)) { Progress = new Told(_ => cancel.Cancel()) }, cancel.Token);
        var other = engine.RunAsync(new PerturbationRequest(50, Numbers(7)), CancellationToken.None);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        Assert.Equal(56, (await other)[^1]);
        Assert.InRange(model.Rows, 0, 1000);
    }

    [Fact]
    public async Task Failing_model_or_writer_fails_its_requests_and_the_engine_lives_on()
    {
        var fail = true;
        var model = new DelegateModel(1, 1, (row, output) => output.Span[0] = fail ? throw new InvalidOperationException("no") : 1);
        var engine = new PerturbationEngine(model);
        await Assert.ThrowsAsync<InvalidOperationException>(() => engine.RunAsync(new PerturbationRequest(5, Numbers(0)), CancellationToken.None));
        fail = false;
        await Assert.ThrowsAsync<FormatException>(() => engine.RunAsync(new PerturbationRequest(5, (_, _, _) => throw new FormatException()), CancellationToken.None));
        Assert.Equal(5, (await engine.RunAsync(new PerturbationRequest(5, Numbers(0)), CancellationToken.None)).Length);
    }

    private static void Add(List<string> list, string item)
    {
        lock (list)
        {
            list.Add(item);
        }
    }

    private sealed class Told(Action<int> told) : IProgress<int>
    {
        public void Report(int value) => told(value);
    }
}
