namespace Monitoring.Scoring;

/// <summary>
/// Joins calls of one model row by row into larger runs, up to a size or a wait, and gives each caller its own rows, in
/// the order of the calls. Costs no thread: callers run what is due, and what waits behind a busy run is run by the pool.
/// A model whose first dimensions are fixed runs call by call.
/// </summary>
public sealed class DynamicBatcher : IDisposable
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Call> _waiting = new();
    private readonly ScoringModel _model;
    private readonly BatchingOptions _options;
    private readonly ITimer? _timer;
    private readonly int _concurrency;
    private int _running;
    private int _waitingRows;
    private bool _due;

    /// <param name="model">Model; stays owned by the caller.</param>
    /// <param name="options">Size, wait and concurrency.</param>
    /// <param name="time">Clock of the wait.</param>
    public DynamicBatcher(ScoringModel model, BatchingOptions options, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxWait, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegative(options.MaxConcurrency);
        _model = model;
        _options = options;
        _concurrency = options.MaxConcurrency == 0 ? Environment.ProcessorCount : options.MaxConcurrency;
        if (options.MaxWait > TimeSpan.Zero && model.IsBatchable)
        {
            _timer = time.CreateTimer(static state => ((DynamicBatcher)state!).OnWaited(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Calls that wait for a run.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Runs the inputs, alone or joined with other callers'. The caller must keep the inputs unchanged until the task has ended.</summary>
    /// <exception cref="ScoringException">The inputs do not fit (thrown before waiting), or the run failed.</exception>
    public ValueTask<IReadOnlyList<ScoringTensor>> RunAsync(IReadOnlyList<ScoringTensor> inputs, IReadOnlyList<string>? outputs = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        _model.CheckInputs(inputs);
        var names = _model.CheckOutputs(outputs);
        var call = new Call(inputs, names, RowsOf(inputs));
        lock (_gate)
        {
            if (_running < _concurrency && _waiting.Count == 0 && (_timer is null || call.Rows >= _options.MaxRows))
            {
                // Nobody to wait for: the caller's own thread runs it, without a task.
                _running++;
            }
            else
            {
                Enqueue(call);
            }
        }

        if (call.Completion is null)
        {
            try
            {
                return ValueTask.FromResult(_model.Run(inputs, names, cancellationToken));
            }
            finally
            {
                Finish();
            }
        }

        return new ValueTask<IReadOnlyList<ScoringTensor>>(WaitAsync(call, cancellationToken));
    }

    /// <summary>Stops the wait timer. Calls already waiting still run.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        OnWaited();
    }

    private static int RowsOf(IReadOnlyList<ScoringTensor> inputs)
    {
        var rows = inputs[0].Rows;
        for (var i = 1; i < inputs.Count; i++)
        {
            if (inputs[i].Rows != rows)
            {
                return 0;
            }
        }

        return (int)Math.Min(rows, int.MaxValue);
    }

    private static bool SameShape(Call a, Call b)
    {
        if (a.Inputs.Count != b.Inputs.Count || !a.Outputs.AsSpan().SequenceEqual(b.Outputs))
        {
            return false;
        }

        for (var i = 0; i < a.Inputs.Count; i++)
        {
            var (x, y) = (a.Inputs[i], b.Inputs[i]);
            if (x.Name != y.Name || !x.Shape.AsSpan(1).SequenceEqual(y.Shape.AsSpan(1)))
            {
                return false;
            }
        }

        return true;
    }

    private static async Task<IReadOnlyList<ScoringTensor>> WaitAsync(Call call, CancellationToken cancellationToken)
    {
        using var registration = cancellationToken.Register(static (state, token) => ((Call)state!).Completion!.TrySetCanceled(token), call);
        return await call.Completion!.Task.ConfigureAwait(false);
    }

    private void Enqueue(Call call)
    {
        call.Completion = new TaskCompletionSource<IReadOnlyList<ScoringTensor>>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting.AddLast(call);
        _waitingRows += call.Rows;
        if (_timer is null)
        {
            return;
        }

        if (_waitingRows >= _options.MaxRows)
        {
            _due = true;
            StartRun();
        }
        else if (_waiting.Count == 1)
        {
            _timer.Change(_options.MaxWait, Timeout.InfiniteTimeSpan);
        }
    }

    private void OnWaited()
    {
        lock (_gate)
        {
            _due = true;
            StartRun();
        }
    }

    /// <summary>Hands waiting calls to the pool where a run may start. Under the gate.</summary>
    private void StartRun()
    {
        if (_waiting.Count == 0)
        {
            _due = false;
            return;
        }

        if (_running < _concurrency && (_timer is null || _due))
        {
            _running++;
            ThreadPool.UnsafeQueueUserWorkItem(static batcher => batcher.RunBatch(), this, preferLocal: false);
        }
    }

    private void Finish()
    {
        lock (_gate)
        {
            _running--;
            StartRun();
        }
    }

    private void RunBatch()
    {
        var batch = new List<Call>();
        lock (_gate)
        {
            TakeBatch(batch);
        }

        try
        {
            if (batch.Count > 0)
            {
                Complete(batch);
            }
        }
        finally
        {
            Finish();
        }
    }

    private void TakeBatch(List<Call> batch)
    {
        var rows = 0;
        for (var node = _waiting.First; node is not null;)
        {
            var next = node.Next;
            var call = node.Value;
            var fits = batch.Count == 0
                || (_model.IsBatchable && call.Rows > 0 && batch[0].Rows > 0 && rows + call.Rows <= _options.MaxRows && SameShape(batch[0], call));
            if (call.Completion!.Task.IsCompleted || fits)
            {
                _waiting.Remove(node);
                _waitingRows -= call.Rows;
                if (!call.Completion.Task.IsCompleted)
                {
                    batch.Add(call);
                    rows += call.Rows;
                }
            }
            else
            {
                // In order: a later call may not overtake one that did not fit.
                break;
            }

            node = next;
        }

        // What is left has waited long enough: it stays due.
        _due &= _waiting.Count > 0;
    }

    private void Complete(List<Call> batch)
    {
        if (batch.Count == 1)
        {
            CompleteAlone(batch[0]);
            return;
        }

        IReadOnlyList<ScoringTensor> results;
        var rows = batch.Sum(c => (long)c.Rows);
        try
        {
            results = _model.Run(Join(batch, rows), batch[0].Outputs);
        }
        catch (Exception)
        {
            // One caller's values must not fail the others: each alone.
            batch.ForEach(CompleteAlone);
            return;
        }

        if (results.Any(r => r.Rows != rows || r.Type == TensorType.Bytes))
        {
            // The graph mixes rows (or rows of BYTES have no fixed length): its results cannot be cut.
            batch.ForEach(CompleteAlone);
            return;
        }

        var first = 0;
        foreach (var call in batch)
        {
            var cut = new ScoringTensor[results.Count];
            for (var i = 0; i < cut.Length; i++)
            {
                var result = results[i];
                var rowBytes = (int)(result.Data.Length / rows);
                long[] shape = [call.Rows, .. result.Shape.AsSpan(1)];
                cut[i] = new ScoringTensor(result.Name, result.Type, shape, result.Data.Slice(first * rowBytes, call.Rows * rowBytes));
            }

            first += call.Rows;
            call.Completion!.TrySetResult(cut);
        }
    }

    private void CompleteAlone(Call call)
    {
        try
        {
            call.Completion!.TrySetResult(_model.Run(call.Inputs, call.Outputs));
        }
        catch (Exception e)
        {
            call.Completion!.TrySetException(e);
        }
    }

    private static ScoringTensor[] Join(List<Call> batch, long rows)
    {
        var joined = new ScoringTensor[batch[0].Inputs.Count];
        for (var i = 0; i < joined.Length; i++)
        {
            var model = batch[0].Inputs[i];
            var data = new byte[batch.Sum(c => c.Inputs[i].Data.Length)];
            var position = 0;
            foreach (var call in batch)
            {
                call.Inputs[i].Data.Span.CopyTo(data.AsSpan(position));
                position += call.Inputs[i].Data.Length;
            }

            joined[i] = new ScoringTensor(model.Name, model.Type, [rows, .. model.Shape.AsSpan(1)], data);
        }

        return joined;
    }

    private sealed class Call(IReadOnlyList<ScoringTensor> inputs, string[] outputs, int rows)
    {
        public IReadOnlyList<ScoringTensor> Inputs { get; } = inputs;

        public string[] Outputs { get; } = outputs;

        public int Rows { get; } = rows;

        public TaskCompletionSource<IReadOnlyList<ScoringTensor>>? Completion { get; set; }
    }
}
