using System.Diagnostics;
using Monitoring.Detection;
using Monitoring.Hosting.Tables;
using Monitoring.Statistics;

namespace Monitoring.AllInOne.Backtest;

/// <summary>Runs any kind of monitor over files: fitted on the reference, then fed the data row by row as the runtime would.</summary>
internal sealed class BacktestEngine(MonitorKinds kinds, string device)
{
    private const int BatchRows = 512;

    /// <exception cref="KeyNotFoundException">Unknown kind; the message lists the known ones.</exception>
    /// <exception cref="MonitorOptionsException">Options that cannot be.</exception>
    /// <exception cref="TableFormatException">A file that cannot be read, or whose columns do not fit.</exception>
    /// <exception cref="FitException">The reference cannot carry the kind.</exception>
    public async Task<BacktestResult> RunAsync(BacktestRequest request, CancellationToken cancellationToken)
    {
        _ = MonitorOptions.Create(kinds[request.Kind], request.Options);
        var reference = Table.Read(request.Reference);
        var data = Table.Read(request.Data);
        if (reference.RowCount == 0)
        {
            throw new TableFormatException($"{request.Reference}: no rows");
        }

        var schema = TableEncoding.Schema(reference);
        var description = new ModelDescription { Name = "backtest", Version = "1", Schema = schema };
        var encodedReference = TableEncoding.Encode(reference, schema, request.Reference);
        var encodedData = TableEncoding.Encode(data, schema, request.Data);
        bool[]? labels = null;
        if (request.Labels is not null)
        {
            var numbers = Table.ReadNumbers(request.Labels, "label");
            if (numbers.Length != data.RowCount)
            {
                throw new TableFormatException($"{request.Labels}: {numbers.Length} labels for {data.RowCount} rows of {request.Data}");
            }

            labels = [.. numbers.Select(l => l != 0)];
        }

        return await RunAsync(
            request,
            ReferenceData.FromMatrix(description, encodedReference, reference.RowCount),
            ReferenceData.FromMatrix(description, encodedData, data.RowCount),
            labels,
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The same over rows in memory.</summary>
    public async Task<BacktestResult> RunAsync(BacktestRequest request, RowBatch referenceRows, RowBatch rows, bool[]? labels, CancellationToken cancellationToken)
    {
        var kind = kinds[request.Kind];
        var options = MonitorOptions.Create(kind, request.Options);
        var model = referenceRows.Model;
        var reference = ReferenceData.Split(referenceRows);
        const ulong Seed = 20_011_123;
        var clock = Stopwatch.StartNew();
        var context = new FitContext(model, reference, options, Seed);
        var fitted = await kind.FitAsync(context, cancellationToken).ConfigureAwait(false);
        var monitor = kind.Create(new MonitorContext("backtest", model, options, fitted.Bytes, Seed));
        var calibration = await CalibrateAsync(kind.Create(new MonitorContext("backtest", model, options, fitted.Bytes, Seed)), fitted, reference, cancellationToken).ConfigureAwait(false);
        var sink = new BacktestSink(monitor.Variables, calibration, request.Level);
        var fitSeconds = clock.Elapsed.TotalSeconds;

        // One variable that is a number is the row's score.
        var numeric = monitor.Variables.Count == 1 && monitor.Variables[0].Type == VariableType.Numeric ? 0 : -1;
        var score = numeric >= 0 ? new double[rows.Count] : null;
        var path = new double[rows.Count];
        var windows = new List<BacktestWindow>();
        var windowed = monitor as IWindowedMonitor;
        WindowOutcome? closed = null;
        if (windowed is not null)
        {
            windowed.WindowClosed = outcome => closed = outcome;
        }

        // Batches are cut before the clock starts: in service they arrive cut.
        var batches = Enumerable.Range(0, (rows.Count + BatchRows - 1) / BatchRows).Select(i => rows.Slice(i * BatchRows, Math.Min(BatchRows, rows.Count - (i * BatchRows)))).ToArray();
        var scored = new MonitorScores[batches.Length];
        if (batches.Length > 0)
        {
            // The first call compiles; it is pure, so it may be repeated.
            await monitor.ScoreAsync(batches[0], cancellationToken).ConfigureAwait(false);
        }

        clock.Restart();
        await Parallel.ForAsync(
            0,
            batches.Length,
            new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken },
            async (i, token) => scored[i] = await monitor.ScoreAsync(batches[i], token).ConfigureAwait(false)).ConfigureAwait(false);
        var row = 0;
        for (var b = 0; b < batches.Length; b++)
        {
            for (var r = 0; r < batches[b].Count; r++, row++)
            {
                sink.Begin(row);
                var before = windowed is null ? 0 : Stopwatch.GetTimestamp();
                monitor.Apply(batches[b], r, scored[b], sink);
                var seconds = windowed is null ? 0 : Stopwatch.GetElapsedTime(before).TotalSeconds;
                if (score is not null)
                {
                    score[row] = sink.Values[numeric];
                }

                sink.End(batches[b].Rows[r]);
                path[row] = sink.LogEvidence;
                if (closed is not null)
                {
                    windows.Add(Window(closed, row, sink.LogEvidence, seconds));
                    closed = null;
                }
            }
        }

        var elapsed = clock.Elapsed.TotalSeconds;
        if (windowed is not null)
        {
            clock.Restart();
            if (windowed.TestOpenWindow() is { } open)
            {
                windows.Add(Window(open, row - 1, sink.LogEvidence, clock.Elapsed.TotalSeconds));
            }
        }

        double[]? p = null;
        if (score is not null)
        {
            var conformal = new ConformalCalibration([.. calibration[numeric]]);
            p = Array.ConvertAll(score, conformal.PValue);
        }

        var hasEvidence = monitor.Variables.Count > 0 || path.Any(double.IsFinite);
        return new BacktestResult
        {
            Kind = kind.Name,
            Options = MonitorOptions.Canonical(options).Replace('\n', ' '),
            ReferenceRows = referenceRows.Count,
            Rows = rows.Count,
            Columns = model.Width,
            Device = device,
            Threads = Environment.ProcessorCount,
            Seconds = elapsed,
            RowsPerSecond = elapsed > 0 ? rows.Count / elapsed : 0,
            FitSeconds = fitSeconds,
            Auroc = labels is not null && score is not null && rows.Count > 0 ? Finite(RankedClassification.AreaUnderRoc(score, labels)) : null,
            Score = score,
            P = p,
            LogEvidence = hasEvidence ? path : null,
            LogLevel = Math.Log(request.Level),
            Alarms = [.. sink.Alarms.Select(a => a.Row)],
            AlarmDetails = sink.Alarms,
            Windows = windowed is null ? null : windows,
            Findings = sink.Reports,
            Warnings = [.. context.Warnings, .. sink.Warnings],
        };
    }

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;

    private static BacktestWindow Window(WindowOutcome outcome, int lastRow, double logEvidence, double seconds) =>
        new(lastRow - outcome.Rows + 1, outcome.Rows, outcome.Statistic, outcome.PValue, logEvidence, seconds, [.. outcome.Columns.Select(c => new BacktestColumn(c.Name, c.Statistic, c.PValue))]);

    /// <summary>Clean values per variable: the kind's own, or what the fitted monitor sees on the held-out half. In single precision, as scores are.</summary>
    internal static async Task<IReadOnlyList<List<double>>> CalibrateAsync(IMonitor monitor, FittedParameters fitted, ReferenceData reference, CancellationToken cancellationToken)
    {
        var values = monitor.Variables.Select(_ => new List<double>()).ToArray();
        if (fitted.Calibration is { } columns)
        {
            foreach (var column in columns)
            {
                values[column.Variable].AddRange(column.Values.Select(v => (double)(float)v));
            }

            return values;
        }

        if (monitor.Variables.All(v => v.Type == VariableType.Bet))
        {
            return values;
        }

        var sink = new BacktestSink(monitor.Variables, values, double.MaxValue);
        for (var start = 0; start < reference.Calibration.Count; start += BatchRows)
        {
            var batch = reference.Calibration.Slice(start, Math.Min(BatchRows, reference.Calibration.Count - start));
            var scores = await monitor.ScoreAsync(batch, cancellationToken).ConfigureAwait(false);
            for (var r = 0; r < batch.Count; r++)
            {
                sink.Begin(start + r);
                monitor.Apply(batch, r, scores, sink);
                for (var v = 0; v < values.Length; v++)
                {
                    values[v].Add(sink.Values[v]);
                }
            }
        }

        return values;
    }
}
