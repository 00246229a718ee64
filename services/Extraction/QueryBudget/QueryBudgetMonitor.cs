using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>Counts distinct queries per client and per cohort: the honest answer to natural queries, which no pattern betrays.</summary>
internal sealed class QueryBudgetMonitor : IMonitor
{
    private static readonly (double Share, Severity Severity, string Words)[] s_steps = [(1, Severity.Harm, "all of"), (0.8, Severity.Change, "80 % of")];
    private readonly QueryBudgetOptions _options;
    private readonly ulong _seed;
    private readonly ClientTable<SpentBudget> _spent;
    private readonly SharedQueries? _shared;

    /// <param name="options">Budgets.</param>
    /// <param name="frequent">Inputs that several clients of the profile sent; null where clients share too much to be linked by it.</param>
    /// <param name="seed">Seed of the hashes.</param>
    public QueryBudgetMonitor(QueryBudgetOptions options, IReadOnlyList<ulong>? frequent, ulong seed)
    {
        _options = options;
        _seed = seed;
        _spent = new ClientTable<SpentBudget>(options.Clients);
        _shared = frequent is null ? null : new SharedQueries(frequent);
        State = new ClientsAndCohorts(_spent, _shared);
    }

    public IReadOnlyList<Variable> Variables => [];

    public bool HoldsEvidence => false;

    public IMonitorState State { get; }

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        var hash = StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed);
        if (info.Client.Length > 0)
        {
            Spend("client", info.Client, _options.Queries, hash, info, sink);
        }

        var caller = info.Event < rows.Events.Count ? rows.Events[info.Event].Client : null;
        if (caller?.AddressPrefix is { Length: > 0 } prefix)
        {
            Spend("cohort of addresses", prefix, _options.Cohort, hash, info, sink);
        }

        if (caller?.KeyFamily is { Length: > 0 } family)
        {
            Spend("cohort of keys", family, _options.Cohort, hash, info, sink);
        }

        if (info.Client.Length > 0 && _shared?.Take(hash, info.Client) is { } cohort)
        {
            Spend(SharedQueries.Cohort, string.Create(CultureInfo.InvariantCulture, $"{cohort}"), _options.Cohort, hash, info, sink);
        }
    }

    private void Spend(string what, string who, int allowed, ulong hash, in RowInfo info, IObservationSink sink)
    {
        var budget = _spent.Touch(what + " " + who);
        if (!budget.Spend(hash, info.TimeUnixNano, _options.Period.Ticks * 100))
        {
            return;
        }

        foreach (var (share, severity, words) in s_steps)
        {
            if (budget.Spent == (long)Math.Ceiling(share * allowed))
            {
                sink.Report(new CertainFinding(
                    string.Create(CultureInfo.InvariantCulture, $"{what} {who} {share}"),
                    string.Create(CultureInfo.InvariantCulture, $"The {what} {who} asked {budget.Spent} distinct queries in {_options.Period.TotalDays:0.#} days, {words} its budget: enough queries copy a model, whatever they look like"))
                {
                    Client = what == "client" ? who : "",
                    Severity = severity,
                    Quiet = _options.Period,
                    Measures = [("queries", budget.Spent), ("budget", allowed)],
                });
                return;
            }
        }
    }
}
