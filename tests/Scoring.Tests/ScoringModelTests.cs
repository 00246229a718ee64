using Monitoring.TestKit;

namespace Monitoring.Scoring.Tests;

public sealed class ScoringModelTests : IDisposable
{
    private readonly ScoringRuntime _runtime = new(new ScoringOptions { Device = "cpu", Threads = 2, MaxLoadedModels = 2 });

    [Fact]
    public void Run_gives_the_graphs_result_and_metadata()
    {
        using var model = _runtime.LoadBytes("affine", Graphs.Affine());
        Assert.Equal(new TensorInfo("x", TensorType.Float32, [-1, 3]).ShapeText, model.Inputs.Single().ShapeText);
        Assert.True(model.IsBatchable);
        var y = model.Run([ScoringTensor.Create("x", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3)]).Single();
        Assert.Equal("y", y.Name);
        Assert.Equal([2, 2], y.Shape);
        Assert.Equal(Graphs.AffineOf(1, 2, 3, 4, 5, 6), y.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Run_takes_no_rows()
    {
        using var model = _runtime.LoadBytes("affine", Graphs.Affine());
        Assert.Equal([0, 2], model.Run([ScoringTensor.Create("x", Array.Empty<float>(), 0, 3)]).Single().Shape);
    }

    [Fact]
    public void Run_carries_strings_through()
    {
        var g = new OnnxGraphBuilder("strings");
        g.Output("out", g.Identity(g.Input("in", TensorType.Bytes, "n")), TensorType.Bytes, "n");
        using var model = _runtime.LoadBytes("strings", g.Build());
        byte[] raw = [2, 0, 0, 0, (byte)'h', (byte)'i', 0, 0, 0, 0, 2, 0, 0, 0, 0xC3, 0xA9];
        var result = model.Run([new ScoringTensor("in", TensorType.Bytes, [3], raw)]).Single();
        Assert.Equal(raw, result.Data.ToArray());
    }

    [Theory]
    [InlineData("z", TensorType.Float32, 1, 3, "has no input 'z'; its inputs are x")]
    [InlineData("x", TensorType.Int32, 1, 3, "expects FP32 for input 'x', got INT32")]
    [InlineData("x", TensorType.Float32, 1, 4, "expects shape [-1,3] for input 'x', got [1,4]")]
    public void Run_refuses_inputs_that_do_not_fit(string name, TensorType type, long rows, long columns, string message)
    {
        using var model = _runtime.LoadBytes("affine", Graphs.Affine());
        var error = Assert.Throws<ScoringException>(() => model.Run([new ScoringTensor(name, type, [rows, columns], new byte[4 * rows * columns])]));
        Assert.Equal(ScoringError.Input, error.Error);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_refuses_missing_and_repeated_inputs_and_unknown_outputs()
    {
        using var model = _runtime.LoadBytes("affine", Graphs.Affine());
        var x = ScoringTensor.Create("x", new float[3], 1, 3);
        Assert.Contains("misses input 'x'", Assert.Throws<ScoringException>(() => model.Run([])).Message, StringComparison.Ordinal);
        Assert.Contains("input 'x' twice", Assert.Throws<ScoringException>(() => model.Run([x, x])).Message, StringComparison.Ordinal);
        Assert.Equal(ScoringError.Output, Assert.Throws<ScoringException>(() => model.Run([x], ["nope"])).Error);
    }

    [Theory]
    [InlineData(new byte[] { 1, 0, 0 }, "cut off inside element 0")]
    [InlineData(new byte[] { 9, 0, 0, 0, 1 }, "cut off inside element 0")]
    [InlineData(new byte[] { 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF }, "cut off inside element 1")]
    [InlineData(new byte[] { 0, 0, 0, 0 }, "needs 2 elements, got 1")]
    public void Tensor_of_bytes_refuses_torn_data(byte[] data, string message) =>
        Assert.Contains(message, Assert.Throws<ScoringException>(() => new ScoringTensor("s", TensorType.Bytes, [2], data)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(new long[] { 2, 3 }, 20, "needs 24 bytes, got 20")]
    [InlineData(new long[] { -1, 3 }, 12, "negative dimension")]
    [InlineData(new long[] { long.MaxValue, 16 }, 12, "impossibly large")]
    [InlineData(new long[] { 4_000_000_000 }, 12, "needs 16000000000 bytes")]
    public void Tensor_refuses_shapes_that_do_not_fit_its_data(long[] shape, int bytes, string message) =>
        Assert.Contains(message, Assert.Throws<ScoringException>(() => new ScoringTensor("x", TensorType.Float32, shape, new byte[bytes])).Message, StringComparison.Ordinal);

    [Fact]
    public void LoadFile_checks_the_pin_on_load_and_on_reload()
    {
        using var folder = new TemporaryDirectory();
        var path = folder.File("m.onnx");
        var bytes = Graphs.Affine();
        File.WriteAllBytes(path, bytes);
        var hash = ModelFile.Sha256(bytes);
        var error = Assert.Throws<ScoringException>(() => _runtime.LoadFile("m", path, new string('0', 64)));
        Assert.Equal(ScoringError.HashMismatch, error.Error);
        Assert.Contains(hash, error.Message, StringComparison.Ordinal);

        using var model = _runtime.LoadFile("m", path, hash.ToUpperInvariant());
        Assert.Equal(hash, model.Sha256);
        using var second = _runtime.LoadBytes("2", Graphs.Affine());
        using var third = _runtime.LoadBytes("3", Graphs.Affine());
        Assert.False(model.IsLoaded);
        Assert.Equal(2, _runtime.LoadedModels);

        // The file changed while the model was unloaded: what runs must still be what was checked.
        File.WriteAllBytes(path, Graphs.Affine(rows: 1));
        Assert.Equal(ScoringError.HashMismatch, Assert.Throws<ScoringException>(() => model.Run([ScoringTensor.Create("x", new float[3], 1, 3)])).Error);
        File.WriteAllBytes(path, bytes);
        Assert.Equal(2, model.Run([ScoringTensor.Create("x", new float[] { 1, 0, 0 }, 1, 3)])[0].AsSpan<float>()[0]);
        Assert.True(model.IsLoaded);
        Assert.False(second.IsLoaded);
    }

    [Fact]
    public void Load_refuses_what_is_no_model()
    {
        using var folder = new TemporaryDirectory();
        var path = folder.File("m.onnx");
        Assert.Equal(ScoringError.Format, Assert.Throws<ScoringException>(() => _runtime.LoadFile("m", path)).Error);
        foreach (var bytes in new byte[][] { [], "not a model at all"u8.ToArray(), Graphs.Affine()[..40], [8, 8] })
        {
            File.WriteAllBytes(path, bytes);
            Assert.Equal(ScoringError.Format, Assert.Throws<ScoringException>(() => _runtime.LoadFile("m", path)).Error);
        }

        using var small = new ScoringRuntime(new ScoringOptions { Device = "cpu", MaxModelBytes = 10 });
        File.WriteAllBytes(path, Graphs.Affine());
        Assert.Equal(ScoringError.TooLarge, Assert.Throws<ScoringException>(() => small.LoadFile("m", path)).Error);
        Assert.Equal(ScoringError.TooLarge, Assert.Throws<ScoringException>(() => small.LoadBytes("m", Graphs.Affine())).Error);
    }

    [Fact]
    public void Load_refuses_unknown_operators()
    {
        var g = new OnnxGraphBuilder("custom");
        g.Output("y", g.Add("NoSuchOperator", [g.Input("x", TensorType.Float32, 1)]), TensorType.Float32, 1);
        var error = Assert.Throws<ScoringException>(() => _runtime.LoadBytes("custom", g.Build()));
        Assert.Equal(ScoringError.Format, error.Error);
        Assert.Contains("NoSuchOperator", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../secret", false)]
    [InlineData("/etc/passwd", false)]
    [InlineData("", false)]
    [InlineData("missing.bin", false)]
    [InlineData("link.bin", false)]
    [InlineData("weights.bin", true)]
    public void LoadFile_follows_external_data_only_inside_the_folder(string location, bool allowed)
    {
        using var folder = new TemporaryDirectory();
        var inner = Directory.CreateDirectory(folder.File("models")).FullName;
        File.WriteAllBytes(folder.File("secret"), new byte[24]);
        File.WriteAllBytes(Path.Combine(inner, "weights.bin"), new byte[24]);
        File.CreateSymbolicLink(Path.Combine(inner, "link.bin"), folder.File("secret"));
        var model = Onnx.ModelProto.Parser.ParseFrom(Graphs.Affine());
        var weights = model.Graph.Initializer.First(i => i.Dims.Count == 2);
        weights.RawData = Google.Protobuf.ByteString.Empty;
        weights.DataLocation = Onnx.TensorProto.Types.DataLocation.External;
        weights.ExternalData.Add(new Onnx.StringStringEntryProto { Key = "location", Value = location });
        var bytes = Google.Protobuf.MessageExtensions.ToByteArray(model);
        var path = Path.Combine(inner, "m.onnx");
        File.WriteAllBytes(path, bytes);
        Assert.Equal(ScoringError.ExternalData, Assert.Throws<ScoringException>(() => _runtime.LoadBytes("m", bytes)).Error);
        if (!allowed)
        {
            Assert.Equal(ScoringError.ExternalData, Assert.Throws<ScoringException>(() => _runtime.LoadFile("m", path)).Error);
            return;
        }

        using var loaded = _runtime.LoadFile("m", path);
        Assert.Equal([1, 1], loaded.Run([ScoringTensor.Create("x", new float[3], 1, 3)])[0].AsSpan<float>().ToArray());
        Assert.Contains("does not cover", Assert.Throws<ScoringException>(() => _runtime.LoadFile("m", path, ModelFile.Sha256(bytes))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_survives_unloading_under_load()
    {
        using var runtime = new ScoringRuntime(new ScoringOptions { Device = "cpu", MaxLoadedModels = 1 });
        var models = Enumerable.Range(0, 4).Select(i => runtime.LoadBytes($"m{i}", Graphs.Affine())).ToArray();
        await Parallel.ForAsync(0, 400, TestContext.Current.CancellationToken, (i, token) =>
        {
            var y = models[i % 4].Run([ScoringTensor.Create("x", new float[] { i, 0, 0 }, 1, 3)], null, token);
            Assert.Equal(i + 1, y[0].AsSpan<float>()[0]);
            return ValueTask.CompletedTask;
        });
        models[0].Dispose();
        Assert.Throws<ObjectDisposedException>(() => models[0].Run([ScoringTensor.Create("x", new float[3], 1, 3)]));
    }

    [Fact]
    public void Idle_sessions_are_unloaded_after_the_time_set()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        using var runtime = new ScoringRuntime(new ScoringOptions { Device = "cpu", UnloadAfter = TimeSpan.FromMinutes(10) }, time: time);
        using var idle = runtime.LoadBytes("idle", Graphs.Affine());
        using var used = runtime.LoadBytes("used", Graphs.Affine());
        for (var i = 0; i < 12; i++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            used.Run([ScoringTensor.Create("x", new float[3], 1, 3)]);
        }

        Assert.False(idle.IsLoaded);
        Assert.True(used.IsLoaded);
        Assert.Equal([1, 1], idle.Run([ScoringTensor.Create("x", new float[3], 1, 3)])[0].AsSpan<float>().ToArray());
    }

    [Theory]
    [InlineData(ScoringThreads.Caller)]
    [InlineData(ScoringThreads.Shared)]
    public void Many_sessions_make_no_threads(ScoringThreads threads)
    {
        using var runtime = new ScoringRuntime(new ScoringOptions { Device = "cpu" });
        using var first = runtime.LoadBytes("first", Graphs.Affine(), threads: threads);
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        var before = process.Threads.Count;
        var models = Enumerable.Range(0, 200).Select(i => runtime.LoadBytes($"m{i}", Graphs.Affine(), threads: threads)).ToList();
        process.Refresh();

        // Other tests start threads of their own; 200 sessions with a pool each would be 200 more on two cores.
        Assert.InRange(process.Threads.Count, 0, before + 60);
        models.ForEach(m => m.Dispose());
    }

    [Fact]
    public void Run_stops_when_cancelled()
    {
        // A loop of 2^40 steps: only cancellation ends it.
        using var source = new CancellationTokenSource();
        using var model = _runtime.LoadBytes("loop", EndlessLoop.Build());
        source.CancelAfter(TimeSpan.FromMilliseconds(50));
        Assert.ThrowsAny<OperationCanceledException>(() => model.Run([ScoringTensor.Create("x", new float[] { 1 }, 1)], null, source.Token));
    }

    public void Dispose() => _runtime.Dispose();
}
