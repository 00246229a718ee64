using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>
/// Watches, per client, how often a query lies around one of the client's own earlier queries without being a near copy of it. The bet on rate q against π, what an honest client of this history has at
/// most, is q/π on a hit and (1 − q)/(1 − π) else, for q in {0.2, 0.5, 0.95} above π.
/// </summary>
internal sealed class SelfSimilarityMonitor : IMonitor
{
    private static readonly double[] s_rates = [0.2, 0.5, 0.95];

    /// <summary>
    /// Who has a few hundred inputs and sends them again, each time a little changed, has the more of them remembered the longer it goes on: its share grows, and lies above its own mean so far by up to this factor (docs/adr/0096).
    /// </summary>
    private const double Growth = 1.5;

    private readonly SelfSimilarityOptions _options;
    private readonly SelfSimilarityParameters _parameters;
    private readonly Projection _projection;
    private readonly ClientTable<QueryHistory> _clients;
    private readonly ulong _seed;

    public SelfSimilarityMonitor(SelfSimilarityOptions options, SelfSimilarityParameters parameters, ulong seed)
    {
        _options = options;
        _parameters = parameters;
        _seed = seed;
        _projection = new Projection(parameters.Scales, seed);
        _clients = new ClientTable<QueryHistory>(options.Clients);
        Variables = [.. s_rates.Select(q => new Variable(string.Create(CultureInfo.InvariantCulture, $"near own queries at {q:0.##}"))
        {
            Type = VariableType.Bet,
            Group = "near own queries",
            PerSubject = true,
            EveryRow = true,
        })];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public IMonitorState State => _clients;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new MonitorScores(rows.Count, Projection.Width);
        for (var row = 0; row < rows.Count; row++)
        {
            _projection.Of(rows.Input(row), scores.Values.AsSpan(row * Projection.Width, Projection.Width));
        }

        return ValueTask.FromResult(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        var client = rows.Rows[row].Client;
        if (client.Length == 0)
        {
            return;
        }

        var history = _clients.Touch(client);
        if (!history.Recent.Admit(StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed)))
        {
            return;
        }

        var projected = scores.Values.AsSpan(row * Projection.Width, Projection.Width);
        var distance = history.Nearest(projected);
        history.Remember(projected, _options.History);

        // The first has nothing to lie around; a near copy is the business of query-similarity.
        if (float.IsInfinity(distance) || distance <= _parameters.Copy)
        {
            return;
        }

        var near = distance <= _parameters.NearOf(rows.PredictedClass(row));
        var honest = Math.Min(1, Math.Max(_parameters.Share, ((_parameters.Concentration * _parameters.Share) + (Growth * history.Near)) / (_parameters.Concentration + history.Draws)));
        for (var rate = 0; rate < s_rates.Length; rate++)
        {
            var (q, increment) = (s_rates[rate], 0.0);
            if (q > honest)
            {
                increment = near ? Math.Log(q / honest) : Math.Log((1 - q) / (1 - honest));
            }

            sink.Bet(rate, increment, client);
        }

        history.Count(near);
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is not { } history)
        {
            return;
        }

        var share = (double)history.Near / Math.Max(1, history.Draws);
        details.Summary = string.Create(CultureInfo.InvariantCulture, $"{history.Near} of {history.Draws} queries of client {alarm.Subject} lie around its own earlier ones; honest clients: some {_parameters.Share:P0}. Someone may be making queries from queries to copy the model");
        details.Measures["near"] = history.Near;
        details.Measures["queries"] = history.Recent.Queries;
        details.Measures["honest-share"] = _parameters.Share;
        details.Effect = ("share", _parameters.Share, share, share - _parameters.Share);
    }
}
