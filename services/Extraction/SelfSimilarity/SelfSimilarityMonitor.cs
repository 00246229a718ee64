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
    private readonly SharedQueries? _shared;
    private readonly ulong _seed;

    public SelfSimilarityMonitor(SelfSimilarityOptions options, SelfSimilarityParameters parameters, ulong seed)
    {
        _options = options;
        _parameters = parameters;
        _seed = seed;
        _projection = new Projection(parameters.Scales, seed);
        _clients = new ClientTable<QueryHistory>(options.Clients);
        _shared = options.Cohorts && parameters.Frequent is not null ? new SharedQueries(parameters.Frequent) : null;
        State = new ClientsAndCohorts(_clients, _shared);
        Variables = [.. s_rates.Select(q => new Variable(string.Create(CultureInfo.InvariantCulture, $"near own queries at {q:0.##}"))
        {
            Type = VariableType.Bet,
            Group = "near own queries",
            PerSubject = true,
            EveryRow = true,
        })];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public IMonitorState State { get; }

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

        var hash = StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed);
        var projected = scores.Values.AsSpan(row * Projection.Width, Projection.Width);
        Take(rows.PredictedClass(row), hash, projected, client, _clients.Touch(client), sink);
        if (!_options.Cohorts)
        {
            return;
        }

        foreach (var cohort in Cohorts.Take(rows, row, hash, _shared))
        {
            var members = _clients.Touch(cohort);

            // One account alone is judged under its own name.
            if (members.Recent.Join(client) > 1)
            {
                Take(rows.PredictedClass(row), hash, projected, cohort, members, sink);
            }
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is not { } history)
        {
            return;
        }

        var share = (double)history.Near / Math.Max(1, history.Draws);
        details.Summary = string.Create(CultureInfo.InvariantCulture, $"{history.Near} of {history.Draws} queries of {(history.Recent.Accounts.Count > 0 ? $"the {history.Recent.Accounts.Count} accounts of the" : "client")} {alarm.Subject} lie around {(history.Recent.Accounts.Count > 0 ? "their" : "its")} own earlier ones; honest clients: some {_parameters.Share:P0}. Someone may be making queries from queries to copy the model");
        details.Clients.AddRange(history.Recent.Accounts);
        details.Measures["near"] = history.Near;
        details.Measures["queries"] = history.Recent.Queries;
        details.Measures["honest-share"] = _parameters.Share;
        details.Effect = ("share", _parameters.Share, share, share - _parameters.Share);
    }

    /// <summary>One query of a client or a cohort.</summary>
    private void Take(int predicted, ulong hash, ReadOnlySpan<float> projected, string subject, QueryHistory history, IObservationSink sink)
    {
        if (!history.Recent.Admit(hash))
        {
            return;
        }

        var distance = history.Nearest(projected);
        history.Remember(projected, _options.History);

        // The first has nothing to lie around; a near copy is the business of query-similarity.
        if (float.IsInfinity(distance) || distance <= _parameters.Copy)
        {
            return;
        }

        var near = distance <= _parameters.NearOf(predicted);
        var honest = Math.Min(1, Math.Max(_parameters.Share, ((_parameters.Concentration * _parameters.Share) + (Growth * history.Near)) / (_parameters.Concentration + history.Draws)));
        for (var rate = 0; rate < s_rates.Length; rate++)
        {
            var (q, increment) = (s_rates[rate], 0.0);
            if (q > honest)
            {
                increment = near ? Math.Log(q / honest) : Math.Log((1 - q) / (1 - honest));
            }

            sink.Bet(rate, increment, subject);
        }

        history.Count(near);
    }
}
