namespace Monitoring.Explainer;

/// <summary>
/// Scores the rows of all explanations of one model: batches are filled across requests, urgent ones first and the others in turn. One thread writes a batch and scores it: handing
/// batches from one that writes to one that scores cost more than writing does (docs/adr/0086-one-thread-perturbs.md). Costs no thread while there is nothing to do.
/// </summary>
internal sealed class PerturbationEngine : IThreadPoolWorkItem
{
    /// <summary>Batches after which other work of the thread pool comes first.</summary>
    private const int Turn = 8;

    private readonly Lock _gate = new();
    private readonly LinkedList<Pending> _pending = new();
    private readonly IRowModel _model;
    private readonly int _batchRows;
    private Batch? _batch;
    private bool _running;

    /// <param name="model">Model to score with.</param>
    /// <param name="batchRows">Rows per run of the model, ≥ 1.</param>
    public PerturbationEngine(IRowModel model, int batchRows = 256)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchRows, 1);
        _model = model;
        _batchRows = batchRows;
    }

    public IRowModel Model => _model;

    /// <summary>Scores the request's rows. Returns rows × outputs numbers.</summary>
    /// <exception cref="RowBudgetException">The request is larger than its budget.</exception>
    public Task<double[]> RunAsync(PerturbationRequest request, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(request.Rows);
        if (request.Rows > request.Budget)
        {
            throw new RowBudgetException(request.Rows, request.Budget);
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (request.Rows == 0)
        {
            return Task.FromResult<double[]>([]);
        }

        var pending = new Pending(request, new double[request.Rows * _model.Outputs], cancellationToken);
        lock (_gate)
        {
            if (request.Urgent)
            {
                // Behind the urgent ones that are there.
                var node = _pending.First;
                while (node is { Value.Request.Urgent: true })
                {
                    node = node.Next;
                }

                if (node is null)
                {
                    _pending.AddLast(pending);
                }
                else
                {
                    _pending.AddBefore(node, pending);
                }
            }
            else
            {
                _pending.AddLast(pending);
            }

            if (!_running)
            {
                _running = true;
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
        }

        return pending.Completion.Task;
    }

    void IThreadPoolWorkItem.Execute()
    {
        for (var done = 0; done < Turn;)
        {
            if (Fill())
            {
                Score();
                done++;
                continue;
            }

            lock (_gate)
            {
                // Between the last look and now a request may have come.
                if (_pending.Count == 0)
                {
                    _running = false;
                    return;
                }
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Fills the batch with rows of the waiting requests; false where none waits.</summary>
    private bool Fill()
    {
        var batch = _batch ??= new Batch(_batchRows, _model);
        batch.Parts.Clear();
        batch.Rows = 0;
        while (batch.Rows < _batchRows)
        {
            Pending? pending;
            int first, count;
            lock (_gate)
            {
                pending = _pending.First?.Value;
                if (pending is null)
                {
                    break;
                }

                if (pending.CancellationToken.IsCancellationRequested || pending.Completion.Task.IsCompleted)
                {
                    _pending.RemoveFirst();
                    pending.Completion.TrySetCanceled(pending.CancellationToken);
                    continue;
                }

                // A large request takes a whole batch and then lets the next one go first.
                first = pending.Taken;
                count = Math.Min(_batchRows - batch.Rows, pending.Request.Rows - first);
                pending.Taken += count;
                if (pending.Taken == pending.Request.Rows)
                {
                    _pending.RemoveFirst();
                }
                else if (!pending.Request.Urgent)
                {
                    _pending.RemoveFirst();
                    _pending.AddLast(pending);
                }
            }

            try
            {
                pending.Request.Fill(first, count, batch.Inputs.AsSpan(batch.Rows * _model.Columns, count * _model.Columns));
            }
            catch (Exception e)
            {
                pending.Completion.TrySetException(e);
                continue;
            }

            batch.Parts.Add((pending, first, count));
            batch.Rows += count;
        }

        return batch.Rows > 0;
    }

    private void Score()
    {
        var batch = _batch!;
        try
        {
            _model.Score(batch.Inputs.AsMemory(0, batch.Rows * _model.Columns), batch.Rows, batch.Outputs.AsSpan(0, batch.Rows * _model.Outputs), CancellationToken.None);
        }
        catch (Exception e)
        {
            foreach (var (pending, _, _) in batch.Parts)
            {
                pending.Completion.TrySetException(e);
            }

            return;
        }

        var row = 0;
        foreach (var (pending, first, count) in batch.Parts)
        {
            batch.Outputs.AsSpan(row * _model.Outputs, count * _model.Outputs).CopyTo(pending.Results.AsSpan(first * _model.Outputs));
            row += count;
            pending.Done += count;
            pending.Request.Progress?.Report(pending.Done);
            if (pending.Done == pending.Request.Rows)
            {
                pending.Completion.TrySetResult(pending.Results);
            }
        }
    }

    private sealed class Batch(int rows, IRowModel model)
    {
        public float[] Inputs { get; } = new float[rows * model.Columns];

        public double[] Outputs { get; } = new double[rows * model.Outputs];

        public List<(Pending Pending, int First, int Count)> Parts { get; } = [];

        public int Rows { get; set; }
    }

    private sealed class Pending(PerturbationRequest request, double[] results, CancellationToken cancellationToken)
    {
        public PerturbationRequest Request { get; } = request;

        public double[] Results { get; } = results;

        public CancellationToken CancellationToken { get; } = cancellationToken;

        public TaskCompletionSource<double[]> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Rows written into batches; under the gate.</summary>
        public int Taken { get; set; }

        /// <summary>Rows scored; batches are scored one after the other.</summary>
        public int Done { get; set; }
    }
}
