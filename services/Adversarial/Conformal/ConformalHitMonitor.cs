using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Detection;

namespace Monitoring.Adversarial;

/// <summary>
/// Base of monitors that score single inputs and watch, per client, how often a score is extreme within its predicted class (RUNTIME.md 6: "Bernoulli mixture
/// evidence"). A hit is p ≤ <see cref="ConformalOptions.HitAt"/>; the bet on rate q against π, what an honest client of this history has at most (<see cref="HitChain"/>), is q/π on a hit and
/// (1 − q)/(1 − π) else, for q in {0.05, 0.2, 0.5, 0.95} above π; the runtime averages over q and scores. An exact repeat by the same client counts once.
/// </summary>
internal abstract class ConformalHitMonitor : IMonitor
{
    private static readonly double[] s_rates = [0.05, 0.2, 0.5, 0.95];

    private readonly ConformalOptions _options;
    private readonly ClassCalibration[] _calibrations;
    private readonly ulong _seed;
    private readonly ClientTable<ClientHits> _clients;

    /// <param name="scores">Names of the scores, in order.</param>
    /// <param name="calibrations">One per score.</param>
    /// <param name="options">Options.</param>
    /// <param name="seed">Keys the hashes by which repeats are known.</param>
    protected ConformalHitMonitor(IReadOnlyList<string> scores, ClassCalibration[] calibrations, ConformalOptions options, ulong seed)
    {
        _options = options;
        _calibrations = calibrations;
        _seed = seed;
        _clients = new ClientTable<ClientHits>(options.Clients);
        Scores = scores;
        Variables = [.. scores.SelectMany(s => s_rates.Select(q => new Variable(string.Create(CultureInfo.InvariantCulture, $"{s} at {q:0.##}"))
        {
            Type = VariableType.Bet,
            Group = s,
            PerSubject = true,
            EveryRow = true,
        }))];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public IMonitorState State => _clients;

    protected IReadOnlyList<string> Scores { get; }

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new MonitorScores(rows.Count, Scores.Count);
        Score(rows, scores.Values, cancellationToken);
        return ValueTask.FromResult(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        var client = rows.Rows[row].Client;
        if (client.Length == 0)
        {
            return;
        }

        var state = _clients.Touch(client);
        if (!state.Admit(StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed)))
        {
            return;
        }

        if (state.Chains.Length != _calibrations.Length)
        {
            state.Chains = Array.ConvertAll(_calibrations, _ => new HitChain());
        }

        var predicted = rows.PredictedClass(row);
        var any = false;
        for (var score = 0; score < _calibrations.Length; score++)
        {
            var hit = _calibrations[score].PValue(scores.Values[(row * scores.Columns) + score], predicted) <= _options.HitAt;
            any |= hit;
            var honest = state.Chains[score].Predict(_calibrations[score].Honest);
            for (var rate = 0; rate < s_rates.Length; rate++)
            {
                // An honest rate below π loses every bet on more than π, whatever it is; a bet on less would not.
                var (q, increment) = (s_rates[rate], 0.0);
                if (q > honest)
                {
                    increment = hit ? Math.Log(q / honest) : Math.Log((1 - q) / (1 - honest));
                }

                sink.Bet((score * s_rates.Length) + rate, increment, client);
            }

            state.Chains[score].Add(hit);
        }

        if (any)
        {
            state.Hits++;
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is not { } state)
        {
            return;
        }

        var share = (double)state.Hits / Math.Max(1, state.Queries);
        var honest = _calibrations.Max(c => c.Honest.Share);
        details.Summary = string.Create(CultureInfo.InvariantCulture, $"{state.Hits} of {state.Queries} distinct inputs of client {alarm.Subject} {Sentence}; honest clients: some {honest:P0}");
        details.Measures["hits"] = state.Hits;
        details.Measures["queries"] = state.Queries;
        details.Measures["honest-share"] = honest;
        details.Effect = ("share", honest, share, share - honest);
    }

    /// <summary>What a hit is, after "inputs of client X".</summary>
    protected abstract string Sentence { get; }

    /// <summary>Fills rows × scores, row-major; NaN where a score cannot be had. Pure.</summary>
    protected abstract void Score(RowBatch rows, Span<float> scores, CancellationToken cancellationToken);

    /// <summary>Calibrates every score on clean rows that its fit has not seen.</summary>
    internal static ClassCalibration[] Calibrate(RowBatch held, ReadOnlySpan<float> scores, int columns, FitContext context, ConformalOptions options)
    {
        if (held.Count < 100)
        {
            throw new FitException($"{held.Count} held-out clean inputs cannot show a p-value of 0.01: at least 100 are needed, 100 per class are better");
        }

        var classes = Enumerable.Range(0, held.Count).Select(held.PredictedClass).ToArray();
        var thin = classes.Where(c => c >= 0).GroupBy(c => c).Where(g => g.Count() < ClassCalibration.LeastOfClass).Select(g => g.Key).Order().ToArray();
        if (thin.Length > 0)
        {
            context.Warn($"classes {string.Join(", ", thin)} have fewer than {ClassCalibration.LeastOfClass} held-out inputs and are judged against all classes");
        }

        var calibrations = new ClassCalibration[columns];
        for (var column = 0; column < columns; column++)
        {
            var values = new float[held.Count];
            for (var row = 0; row < values.Length; row++)
            {
                values[row] = scores[(row * columns) + column];
            }

            var calibration = ClassCalibration.Of(values, classes);
            var hits = new bool[held.Count];
            for (var row = 0; row < hits.Length; row++)
            {
                hits[row] = calibration.PValue(values[row], classes[row]) <= options.HitAt;
            }

            calibrations[column] = calibration.With(HonestHits.Fit(hits, context, options));
        }

        return calibrations;
    }
}
