using System.Diagnostics.Metrics;
using Microsoft.Extensions.Time.Testing;

namespace Monitoring.Scoring.Tests;

public sealed class DynamicBatcherTests : IDisposable
{
    private readonly ScoringRuntime _runtime = new(new ScoringOptions { Device = "cpu" });
    private readonly MeterListener _listener = new();
    private readonly List<double> _rows = [];
    private readonly string _name = "batcher-" + Guid.NewGuid().ToString("N");

    public DynamicBatcherTests()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "monitoring_scoring_batch_rows")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<double>((_, rows, tags, _) =>
        {
            lock (_rows)
            {
                if (tags.ToArray().Any(t => Equals(t.Value, _name)))
                {
                    _rows.Add(rows);
                }
            }
        });
        _listener.Start();
    }

    [Fact]
    public async Task Calls_join_when_the_size_is_reached()
    {
        using var model = Load(Graphs.Affine());
        using var batcher = new DynamicBatcher(model, new BatchingOptions { MaxRows = 4, MaxWait = TimeSpan.FromHours(1) }, new FakeTimeProvider());
        var calls = Enumerable.Range(0, 3).Select(i => batcher.RunAsync([X(i)]).AsTask()).ToList();
        Assert.All(calls, c => Assert.False(c.IsCompleted));
        calls.Add(batcher.RunAsync([X(3)]).AsTask());
        await AssertResults(calls);
        Assert.Equal([4.0], _rows);
    }

    [Fact]
    public async Task Calls_join_when_the_wait_is_over()
    {
        var time = new FakeTimeProvider();
        using var model = Load(Graphs.Affine());
        using var batcher = new DynamicBatcher(model, new BatchingOptions { MaxRows = 100, MaxWait = TimeSpan.FromMilliseconds(5) }, time);
        var calls = Enumerable.Range(0, 3).Select(i => batcher.RunAsync([X(i)]).AsTask()).ToList();
        time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.All(calls, c => Assert.False(c.IsCompleted));
        time.Advance(TimeSpan.FromMilliseconds(1));
        await AssertResults(calls);
        Assert.Equal([3.0], _rows);
    }

    [Fact]
    public async Task A_lone_call_without_a_wait_completes_on_the_callers_thread()
    {
        using var model = Load(Graphs.Affine());
        using var batcher = new DynamicBatcher(model, new BatchingOptions(), TimeProvider.System);
        var call = batcher.RunAsync([X(7)]);
        Assert.True(call.IsCompleted);
        Assert.Equal(8, (await call)[0].AsSpan<float>()[0]);
    }

    [Fact]
    public async Task Many_concurrent_callers_get_their_own_rows()
    {
        using var model = Load(Graphs.Affine());
        using var batcher = new DynamicBatcher(model, new BatchingOptions { MaxRows = 16, MaxConcurrency = 1 }, TimeProvider.System);
        await Parallel.ForAsync(0, 2000, new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken }, async (i, token) =>
        {
            await Task.Yield();
            float[] x = i % 3 == 0 ? [i, 0, 0, i + 1, 0, 0] : [i, 0, 0];
            var y = await batcher.RunAsync([ScoringTensor.Create("x", x, x.Length / 3, 3)], null, token);
            Assert.Equal(Graphs.AffineOf(x), y[0].AsSpan<float>().ToArray());
            Assert.Equal([x.Length / 3, 2], y[0].Shape);
        });
        Assert.Equal(0, batcher.Waiting);
    }

    [Fact]
    public async Task A_model_with_fixed_rows_runs_call_by_call()
    {
        using var model = Load(Graphs.Affine(rows: 1));
        using var batcher = new DynamicBatcher(model, new BatchingOptions { MaxRows = 2, MaxWait = TimeSpan.FromHours(1), MaxConcurrency = 1 }, new FakeTimeProvider());
        var calls = Enumerable.Range(0, 2).Select(i => batcher.RunAsync([X(i)]).AsTask()).ToList();
        await AssertResults(calls);
        Assert.Equal([1.0, 1.0], _rows);
    }

    [Fact]
    public async Task A_bad_call_fails_alone_and_a_cancelled_one_holds_nobody_up()
    {
        // Gather with an index out of range fails at run time, not at the check of shapes.
        var g = new OnnxGraphBuilder("pick");
        g.Output("y", g.Gather(g.Constant<float>([10, 20, 30], 3), g.Input("i", TensorType.Int64, "n"), 0), TensorType.Float32, "n");
        using var model = Load(g.Build());
        using var batcher = new DynamicBatcher(model, new BatchingOptions { MaxRows = 4, MaxWait = TimeSpan.FromHours(1) }, new FakeTimeProvider());
        using var source = new CancellationTokenSource();
        var good = batcher.RunAsync([ScoringTensor.Create("i", new long[] { 1 }, 1)]).AsTask();
        var bad = batcher.RunAsync([ScoringTensor.Create("i", new long[] { 99 }, 1)]).AsTask();
        var cancelled = batcher.RunAsync([ScoringTensor.Create("i", new long[] { 0 }, 1)], null, source.Token).AsTask();
        await source.CancelAsync();
        var last = batcher.RunAsync([ScoringTensor.Create("i", new long[] { 2 }, 1)]).AsTask();
        Assert.Equal(20, (await good)[0].AsSpan<float>()[0]);
        Assert.Equal(30, (await last)[0].AsSpan<float>()[0]);
        Assert.Equal(ScoringError.Run, (await Assert.ThrowsAsync<ScoringException>(() => bad)).Error);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
    }

    [Fact]
    public void A_call_that_does_not_fit_is_refused_at_once()
    {
        using var model = Load(Graphs.Affine());
        using var batcher = new DynamicBatcher(model, new BatchingOptions(), TimeProvider.System);
        Assert.Throws<ScoringException>(() => { _ = batcher.RunAsync([ScoringTensor.Create("x", new float[4], 1, 4)]).AsTask(); });
    }

    public void Dispose()
    {
        _listener.Dispose();
        _runtime.Dispose();
    }

    private static ScoringTensor X(int value) => ScoringTensor.Create("x", new float[] { value, 0, 0 }, 1, 3);

    private static async Task AssertResults(List<Task<IReadOnlyList<ScoringTensor>>> calls)
    {
        for (var i = 0; i < calls.Count; i++)
        {
            Assert.Equal(Graphs.AffineOf(i, 0, 0), (await calls[i])[0].AsSpan<float>().ToArray());
        }
    }

    /// <summary>Named after the test, so that its metrics are told from those of others.</summary>
    private ScoringModel Load(byte[] bytes) => _runtime.LoadBytes(_name, bytes);
}
