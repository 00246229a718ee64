using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>
/// One version of a model that can be called. Lives until it is retired and the last call has left: a reload loses no
/// request.
/// </summary>
internal abstract class ModelVersion(string model, string version)
{
    private readonly Lock _gate = new();
    private int _calls;
    private bool _retired;

    public string Model { get; } = model;

    public string Version { get; } = version;

    /// <summary>Inputs, outputs and platform, or a <see cref="ProtocolException"/> where an upstream server does not tell.</summary>
    public abstract ValueTask<ModelDescription> DescribeAsync(CancellationToken cancellationToken);

    /// <summary>Whether calls can be answered now.</summary>
    public abstract ValueTask<bool> IsReadyAsync(CancellationToken cancellationToken);

    /// <summary>The name of the only input of a model with one, for requests that are one raw tensor; else null.</summary>
    public virtual TensorInfo? SingleInput => null;

    public abstract ValueTask<Answer> InferAsync(InferMessage request, CancellationToken cancellationToken);

    /// <summary>Begins a call; false once the version is retired.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            _calls += _retired ? 0 : 1;
            return !_retired;
        }
    }

    /// <summary>Ends a call begun with <see cref="TryEnter"/>.</summary>
    public void Exit()
    {
        lock (_gate)
        {
            if (--_calls > 0 || !_retired)
            {
                return;
            }
        }

        Free();
    }

    /// <summary>Takes no more calls; frees what it holds when the last one has ended.</summary>
    public void Retire()
    {
        lock (_gate)
        {
            if (_retired)
            {
                return;
            }

            _retired = true;
            if (_calls > 0)
            {
                return;
            }
        }

        Free();
    }

    protected abstract void Free();
}

/// <summary>What the protocol tells about a model.</summary>
internal sealed record ModelDescription(string Platform, IReadOnlyList<TensorInfo> Inputs, IReadOnlyList<TensorInfo> Outputs);
