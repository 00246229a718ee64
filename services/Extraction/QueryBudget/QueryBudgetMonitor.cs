using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>Counts distinct queries per client and per cohort: the honest answer to natural queries, which no pattern betrays.</summary>
internal sealed class QueryBudgetMonitor(QueryBudgetOptions options, ulong seed) : IMonitor
{
    private static readonly (double Share, Severity Severity, string Words)[] s_steps = [(1, Severity.Harm, "all of"), (0.8, Severity.Change, "80 % of")];
    private readonly ClientTable<SpentBudget> _spent = new(options.Clients);

    public IReadOnlyList<Variable> Variables => [];

    public bool HoldsEvidence => false;

    public IMonitorState State => _spent;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        var hash = StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), seed);
        if (info.Client.Length > 0)
        {
            Spend("client", info.Client, options.Queries, hash, info, sink);
        }

        var caller = info.Event < rows.Events.Count ? rows.Events[info.Event].Client : null;
        if (caller?.AddressPrefix is { Length: > 0 } prefix)
        {
            Spend("cohort of addresses", prefix, options.Cohort, hash, info, sink);
        }

        if (caller?.KeyFamily is { Length: > 0 } family)
        {
            Spend("cohort of keys", family, options.Cohort, hash, info, sink);
        }
    }

    private void Spend(string what, string who, int allowed, ulong hash, in RowInfo info, IObservationSink sink)
    {
        var budget = _spent.Touch(what + " " + who);
        if (!budget.Spend(hash, info.TimeUnixNano, options.Period.Ticks * 100))
        {
            return;
        }

        foreach (var (share, severity, words) in s_steps)
        {
            if (budget.Spent == (long)Math.Ceiling(share * allowed))
            {
                sink.Report(new CertainFinding(
                    string.Create(CultureInfo.InvariantCulture, $"{what} {who} {share}"),
                    string.Create(CultureInfo.InvariantCulture, $"The {what} {who} asked {budget.Spent} distinct queries in {options.Period.TotalDays:0.#} days, {words} its budget: enough queries copy a model, whatever they look like"))
                {
                    Client = what == "client" ? who : "",
                    Severity = severity,
                    Quiet = options.Period,
                    Measures = [("queries", budget.Spent), ("budget", allowed)],
                });
                return;
            }
        }
    }
}
