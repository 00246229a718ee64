using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>A version served here by ONNX Runtime.</summary>
internal sealed class OnnxVersion : ModelVersion
{
    private readonly ScoringModel _model;
    private readonly DynamicBatcher _batcher;
    private readonly string[] _exports;
    private readonly string[] _visible;
    private readonly ModelDescription _description;

    /// <exception cref="ScoringException">The file is missing, no model, or not the pinned one.</exception>
    public OnnxVersion(ModelConfiguration model, string version, OnnxConfiguration onnx, string path, ScoringRuntime runtime, TimeProvider time)
        : base(model.Name, version)
    {
        _model = runtime.LoadFile(model.Name, path, onnx.Sha256);
        var unknown = model.Exports.Where(e => _model.Outputs.All(o => o.Name != e)).ToList();
        if (unknown.Count > 0)
        {
            _model.Dispose();
            throw new ScoringException(ScoringError.Output, $"model '{model.Name}' has no output '{unknown[0]}' to export; its outputs are {string.Join(", ", _model.Outputs.Select(o => o.Name))}");
        }

        _exports = [.. model.Exports];
        _visible = [.. _model.Outputs.Select(o => o.Name).Except(_exports, StringComparer.Ordinal)];
        _batcher = new DynamicBatcher(_model, new BatchingOptions { MaxRows = onnx.MaxBatch, MaxWait = onnx.MaxWait }, time);
        _description = new ModelDescription("onnx_onnxv1", _model.Inputs, [.. _model.Outputs.Where(o => !_exports.Contains(o.Name))]);
    }

    public string Sha256 => _model.Sha256;

    public override TensorInfo? SingleInput => _model.Inputs.Count == 1 ? _model.Inputs[0] : null;

    public override ValueTask<ModelDescription> DescribeAsync(CancellationToken cancellationToken) => ValueTask.FromResult(_description);

    public override ValueTask<bool> IsReadyAsync(CancellationToken cancellationToken) => ValueTask.FromResult(true);

    public override async ValueTask<Answer> InferAsync(InferMessage request, CancellationToken cancellationToken)
    {
        var asked = request.RequestedOutputs is { Count: > 0 } requested ? requested.ConvertAll(o => o.Name) : null;
        IReadOnlyList<string>? run = asked is null
            ? null
            : [.. asked, .. _exports.Where(e => !asked.Contains(e))];
        try
        {
            var all = await _batcher.RunAsync(request.Tensors, run, cancellationToken).ConfigureAwait(false);
            if (_exports.Length == 0)
            {
                return new Answer(all, all, null);
            }

            var names = (IReadOnlyList<string>?)asked ?? _visible;
            var outputs = new ScoringTensor[names.Count];
            for (var i = 0; i < outputs.Length; i++)
            {
                outputs[i] = Find(all, names[i]);
            }

            return new Answer(outputs, all, null);
        }
        catch (ScoringException e)
        {
            throw e.Error switch
            {
                ScoringError.Input => new ProtocolException(400, e.Message) { Violation = ("", "shape") },
                ScoringError.Output => new ProtocolException(400, e.Message),
                // Shapes fit the declaration, and yet the graph refuses the values: the caller's doing as a rule.
                ScoringError.Run => new ProtocolException(400, e.Message),
                _ => new ProtocolException(500, e.Message),
            };
        }
    }

    protected override void Free()
    {
        _batcher.Dispose();
        _model.Dispose();
    }

    private static ScoringTensor Find(IReadOnlyList<ScoringTensor> tensors, string name)
    {
        for (var i = 0; i < tensors.Count; i++)
        {
            if (tensors[i].Name == name)
            {
                return tensors[i];
            }
        }

        throw new InvalidOperationException($"the run gave no output '{name}'");
    }
}
