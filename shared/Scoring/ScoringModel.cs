using System.Buffers.Binary;
using System.Diagnostics;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Monitoring.Scoring;

/// <summary>A checked model. Its session may be unloaded while idle and comes back with the next run. Thread-safe.</summary>
public sealed class ScoringModel : IDisposable
{
    private readonly ScoringRuntime _runtime;
    private string[] _outputNames = [];
    private Dictionary<string, TensorInfo> _inputsByName = [];

    internal ScoringModel(ScoringRuntime runtime, string name, string sha256, long length, string? path, Func<byte[]>? reload, ScoringThreads threads)
    {
        _runtime = runtime;
        Name = name;
        Sha256 = sha256;
        Length = length;
        Path = path;
        Reload = reload;
        Threads = threads != ScoringThreads.Auto ? threads : length < ScoringRuntime.SmallModelBytes ? ScoringThreads.Caller : ScoringThreads.Shared;
        Node = new LinkedListNode<ScoringModel>(this);
    }

    public string Name { get; }

    /// <summary>Hash of the model's bytes, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>Size of the model in bytes.</summary>
    public long Length { get; }

    public IReadOnlyList<TensorInfo> Inputs { get; private set; } = [];

    public IReadOnlyList<TensorInfo> Outputs { get; private set; } = [];

    /// <summary>All inputs and outputs have a free first dimension, so calls can be joined row by row.</summary>
    public bool IsBatchable { get; private set; }

    /// <summary>Whether a session is in memory now.</summary>
    public bool IsLoaded => Session is not null;

    /// <summary>On which threads runs compute: <see cref="ScoringThreads.Caller"/> or <see cref="ScoringThreads.Shared"/>.</summary>
    public ScoringThreads Threads { get; }

    internal string? Path { get; }

    internal Func<byte[]>? Reload { get; }

    internal LinkedListNode<ScoringModel> Node { get; }

    internal Lock LoadGate { get; } = new();

    internal InferenceSession? Session { get; set; }

    internal int Users { get; set; }

    internal bool IsDisposed { get; set; }

    internal long LastUsed { get; set; }

    /// <summary>Runs the model.</summary>
    /// <param name="inputs">One tensor per input, in any order.</param>
    /// <param name="outputs">Names of the outputs to compute; null for all.</param>
    /// <param name="cancellationToken">Ends a running graph early.</param>
    /// <returns>The outputs in the order asked for.</returns>
    /// <exception cref="ScoringException">The inputs do not fit, an output is unknown, or the run failed.</exception>
    public IReadOnlyList<ScoringTensor> Run(IReadOnlyList<ScoringTensor> inputs, IReadOnlyList<string>? outputs = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        CheckInputs(inputs);
        var names = CheckOutputs(outputs);
        var session = _runtime.Rent(this);
        var values = new OrtValue[inputs.Count];
        var pins = new System.Buffers.MemoryHandle[inputs.Count];
        var start = Stopwatch.GetTimestamp();
        try
        {
            var inputNames = new string[inputs.Count];
            for (var i = 0; i < inputs.Count; i++)
            {
                inputNames[i] = inputs[i].Name;
                values[i] = ToValue(inputs[i], out pins[i]);
            }

            using var run = new RunOptions();
            using var registration = cancellationToken.Register(static state => ((RunOptions)state!).Terminate = true, run);
            using var results = session.Run(run, inputNames, values, names);
            var tensors = new ScoringTensor[names.Length];
            for (var i = 0; i < names.Length; i++)
            {
                tensors[i] = FromValue(names[i], results[i]);
            }

            _runtime.RecordRun(Name, start, inputs.Count > 0 ? inputs[0].Rows : 0);
            return tensors;
        }
        catch (OnnxRuntimeException e)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new ScoringException(ScoringError.Run, $"model '{Name}' failed: {e.Message}", e);
        }
        finally
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i]?.Dispose();
                pins[i].Dispose();
            }

            _runtime.Return(this);
        }
    }

    /// <summary>Checks names, datatypes and shapes against the model.</summary>
    /// <exception cref="ScoringException">What does not fit, by name (<see cref="ScoringError.Input"/>).</exception>
    public void CheckInputs(IReadOnlyList<ScoringTensor> inputs)
    {
        for (var i = 0; i < inputs.Count; i++)
        {
            var tensor = inputs[i];
            if (!_inputsByName.TryGetValue(tensor.Name, out var info))
            {
                throw Unfit($"has no input '{tensor.Name}'; its inputs are {string.Join(", ", Inputs.Select(x => x.Name))}");
            }

            for (var j = 0; j < i; j++)
            {
                if (inputs[j].Name == tensor.Name)
                {
                    throw Unfit($"got input '{tensor.Name}' twice");
                }
            }

            if (tensor.Type != info.Type)
            {
                throw Unfit($"expects {info.Type.ProtocolName()} for input '{info.Name}', got {tensor.Type.ProtocolName()}");
            }

            if (!Fits(tensor.Shape, info.Shape))
            {
                throw Unfit($"expects shape {info.ShapeText} for input '{info.Name}', got {TensorInfo.Format(tensor.Shape)}");
            }
        }

        if (inputs.Count != Inputs.Count)
        {
            var missing = Inputs.Where(x => inputs.All(t => t.Name != x.Name)).Select(x => $"'{x.Name}'");
            throw Unfit($"misses input {string.Join(", ", missing)}");
        }
    }

    /// <summary>Frees the session once running calls are done; later calls throw <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose() => _runtime.Release(this);

    internal string[] CheckOutputs(IReadOnlyList<string>? outputs)
    {
        if (outputs is null)
        {
            return _outputNames;
        }

        foreach (var name in outputs)
        {
            if (Array.IndexOf(_outputNames, name) < 0)
            {
                throw new ScoringException(ScoringError.Output, $"model '{Name}' has no output '{name}'; its outputs are {string.Join(", ", _outputNames)}");
            }
        }

        return outputs as string[] ?? [.. outputs];
    }

    internal void Describe(InferenceSession session)
    {
        // Names in the graph's own order: the metadata dictionaries do not promise one.
        Inputs = [.. session.InputNames.Select(n => Describe(n, session.InputMetadata[n]))];
        Outputs = [.. session.OutputNames.Select(n => Describe(n, session.OutputMetadata[n]))];
        _outputNames = [.. session.OutputNames];
        _inputsByName = Inputs.ToDictionary(x => x.Name, StringComparer.Ordinal);
        IsBatchable = Inputs.Count > 0 && Inputs.All(x => x.HasDynamicRows) && Outputs.All(x => x.HasDynamicRows);
    }

    private static bool Fits(long[] shape, IReadOnlyList<long> expected)
    {
        if (shape.Length != expected.Count)
        {
            return false;
        }

        for (var i = 0; i < shape.Length; i++)
        {
            if (expected[i] >= 0 && expected[i] != shape[i])
            {
                return false;
            }
        }

        return true;
    }

    private static unsafe OrtValue ToValue(ScoringTensor tensor, out System.Buffers.MemoryHandle pin)
    {
        if (tensor.Type != TensorType.Bytes)
        {
            pin = tensor.Data.Pin();
            return OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, (TensorElementType)tensor.Type, tensor.Shape, (nint)pin.Pointer, tensor.Data.Length);
        }

        pin = default;
        var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, tensor.Shape);
        var rest = tensor.Data.Span;
        for (var i = 0; rest.Length > 0; i++)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(rest);
            value.StringTensorSetElementAt(rest.Slice(4, length), i);
            rest = rest[(4 + length)..];
        }

        return value;
    }

    private static ScoringTensor FromValue(string name, OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        var type = (TensorType)info.ElementDataType;
        if (type != TensorType.Bytes)
        {
            return new ScoringTensor(name, type, info.Shape, info.ElementCount == 0 ? Array.Empty<byte>() : value.GetTensorMutableRawData().ToArray());
        }

        using var stream = new MemoryStream();
        Span<byte> prefix = stackalloc byte[4];
        for (var i = 0; i < info.ElementCount; i++)
        {
            var element = value.GetStringElementAsSpan(i);
            BinaryPrimitives.WriteInt32LittleEndian(prefix, element.Length);
            stream.Write(prefix);
            stream.Write(element);
        }

        return new ScoringTensor(name, type, info.Shape, stream.ToArray());
    }

    private TensorInfo Describe(string name, NodeMetadata metadata)
    {
        var type = metadata.IsTensor ? (TensorType)metadata.ElementDataType : TensorType.Undefined;
        return Enum.IsDefined(type) && type != TensorType.Undefined
            ? new TensorInfo(name, type, [.. metadata.Dimensions.Select(d => (long)d)])
            : throw new ScoringException(ScoringError.Format, $"model '{Name}': '{name}' is {(metadata.IsTensor ? metadata.ElementDataType.ToString() : metadata.OnnxValueType.ToString())}, which cannot be served");
    }

    private ScoringException Unfit(string what) => new(ScoringError.Input, $"model '{Name}' {what}");
}
