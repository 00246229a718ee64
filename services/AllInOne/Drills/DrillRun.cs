using System.Globalization;

namespace Monitoring.AllInOne.Drills;

/// <summary>Attacks one configured model with clean clients beside, and says what was found.</summary>
/// <param name="target">The model over HTTP.</param>
/// <param name="findings">What the monitors find.</param>
/// <param name="inputs">Clean inputs in [0, 1]: a third each for the attacker, for clean clients and for private measurements.</param>
/// <param name="training">Training records, for membership probing; null to leave it out.</param>
/// <param name="budget">Queries an attacker may ask.</param>
/// <param name="firstVictim">Which clean input is attacked first; the following ones after it.</param>
/// <param name="time">Clock of the waiting.</param>
internal sealed class DrillRun(DrillTarget target, DrillFindings findings, IReadOnlyList<float[]> inputs, IReadOnlyList<float[]>? training, int budget, int firstVictim, TimeProvider time)
{
    private const int Probes = 300;
    private readonly float[][] _owned = [.. inputs.Take(inputs.Count / 3)];
    private readonly float[][] _victims = [.. inputs.Skip(inputs.Count / 3).Take(inputs.Count / 12)];
    private readonly float[][] _clean = [.. inputs.Skip(inputs.Count / 3).Take(inputs.Count / 3)];
    private readonly float[][] _probes = [.. inputs.Skip(2 * inputs.Count / 3).Take(Probes)];
    private readonly List<Run> _runs = [];
    private IReadOnlyDictionary<string, long> _consumedBefore = new Dictionary<string, long>(StringComparer.Ordinal);
    private int _attacked;
    private long _askedBefore;
    private long _cleanQueries;
    private int _cleanClients;

    private sealed record Run(string Scenario, int Seed, int Asked, int? SucceededAt, ExtractionAttack? Extraction);

    /// <summary>
    /// Remembers what the monitors had read before the drill asked anything. Where the log ends and what was read are two questions: they are asked again until nobody wrote in between, or what others wrote there would be waited for twice.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; attempt < 100; attempt++)
        {
            await findings.StartAsync(cancellationToken).ConfigureAwait(false);
            _consumedBefore = await target.ConsumedAsync(cancellationToken).ConfigureAwait(false);
            if (await findings.LoggedAsync(cancellationToken).ConfigureAwait(false) is (0, 0))
            {
                break;
            }
        }

        _askedBefore = target.Asked;
    }

    public async Task<DrillReport> RunAsync(string model, IReadOnlyList<string> scenarios, int seeds, TimeSpan settle, CancellationToken cancellationToken)
    {
        foreach (var scenario in scenarios)
        {
            for (var seed = 0; seed < seeds; seed++)
            {
                var run = await RunAsync(scenario, seed, cancellationToken).ConfigureAwait(false);
                _runs.Add(run);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{scenario} seed {seed}: {run.Asked} queries, {(run.SucceededAt is { } at ? $"goal reached after {at}" : run.Extraction is null ? "goal not reached" : "copied")}"));
            }
        }

        await SettleAsync(settle, cancellationToken).ConfigureAwait(false);
        var labels = await LabelsAsync(cancellationToken).ConfigureAwait(false);
        var reports = scenarios.Select(s => Report(s, [.. _runs.Where(r => r.Scenario == s)], labels)).ToArray();
        var falseAlarms = findings.Hits.Count(h => h.Scenario == "clean");
        return new DrillReport(model, seeds, reports, new CleanReport(_cleanClients, _cleanQueries, falseAlarms, DrillStatistics.PoissonUpperBound(falseAlarms, _cleanQueries)));
    }

    /// <summary>
    /// Monitors read behind the traffic: until every group says that it has read what was in the log when the drill's last query was there, or nothing has moved for the given time. Others may ask on meanwhile.
    /// </summary>
    private async Task SettleAsync(TimeSpan settle, CancellationToken cancellationToken)
    {
        long? needed = null;
        var known = (0L, 0L, 0);
        var moved = time.GetTimestamp();
        while (time.GetElapsedTime(moved) < settle)
        {
            var (events, own) = await findings.LoggedAsync(cancellationToken).ConfigureAwait(false);
            needed ??= own >= target.Asked - _askedBefore ? events : null;
            var read = await target.ConsumedAsync(cancellationToken).ConfigureAwait(false);
            await findings.ReadAsync(cancellationToken).ConfigureAwait(false);

            // Without the metrics only silence tells; what a group counts as read is in the findings a moment later.
            var least = read.Count == 0 ? 0 : read.Min(g => g.Value - _consumedBefore.GetValueOrDefault(g.Key));
            var now = (own, needed is { } n ? Math.Min(least, n) : least, findings.Hits.Count);
            if (needed is { } all && read.Count > 0 && least >= all && now == known)
            {
                return;
            }

            moved = now == known ? moved : time.GetTimestamp();
            known = now;
            await Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken).ConfigureAwait(false);
        }

        Console.WriteLine("note: the monitors were not seen to read all of the drill's queries: findings that came later are not counted");
    }

    private async Task<Run> RunAsync(string scenario, int seed, CancellationToken cancellationToken)
    {
        var (name, accounts) = DrillScenarios.Parse(scenario);
        var id = findings.Id(scenario, seed);
        var clean = new CleanClients(_clean, seed, side: target.Side);
        _cleanClients = clean.Count;
        var asked = 0;
        var owed = 0.0;
        var session = new AttackSession(
            async (rows, count) =>
            {
                var answers = new List<float>();
                for (var row = 0; row < count; row++)
                {
                    asked++;
                    var client = findings.Account(scenario, seed, asked % accounts);
                    answers.AddRange(await target.AskAsync(rows[(row * target.Width)..((row + 1) * target.Width)], 1, client, id, cancellationToken, asked).ConfigureAwait(false));
                    for (owed += 0.5; owed >= 1;)
                    {
                        owed -= await AskCleanAsync(clean, seed, cancellationToken).ConfigureAwait(false);
                    }
                }

                return [.. answers];
            },
            target.Width,
            target.Classes,
            budget,
            seed);
        ExtractionAttack? extraction = null;
        try
        {
            var own = new Random(seed);
            if (DrillScenarios.Evasion(name, () => Surrogate(seed)) is { } evasion)
            {
                // Another victim every time: near copies of one that was attacked before belong to a search that has alarmed already.
                var victim = _victims[(firstVictim + _attacked++) % _victims.Length];
                var label = Vectors.ArgMax(await target.AskAsync(victim, 1, "drill-victim", findings.Id("victim", seed), cancellationToken).ConfigureAwait(false));
                await evasion.RunAsync(session, victim, label, _owned).ConfigureAwait(false);
            }
            else if (DrillScenarios.Extraction(name, _owned) is { } thief)
            {
                extraction = thief;
                await thief.RunAsync(session).ConfigureAwait(false);
            }
            else
            {
                for (var query = 0; query < Math.Min(100, budget); query++)
                {
                    await session.AskAsync(name == DrillScenarios.Membership
                        ? training![own.Next(training.Count)]
                        : Array.ConvertAll(_owned[own.Next(_owned.Length)], v => 1 - v)).ConfigureAwait(false);
                }

                session.Reached(1);
            }
        }
        catch (QueryBudgetSpentException)
        {
            // The attack ends where its budget ends.
        }

        return new Run(scenario, seed, asked, session.SucceededAt, extraction);
    }

    private async Task<int> AskCleanAsync(CleanClients clean, int seed, CancellationToken cancellationToken)
    {
        var (client, queries) = clean.Next();
        foreach (var query in queries)
        {
            _cleanQueries++;
            await target.AskAsync(query, 1, client, findings.Id("clean", seed), cancellationToken, (int)_cleanQueries).ConfigureAwait(false);
        }

        return queries.Count;
    }

    /// <summary>An attacker's own network, taught on the attacker's own data by one round of honest-looking questions before the drill counts.</summary>
    private SurrogateNetwork Surrogate(int seed)
    {
        var network = new SurrogateNetwork(target.Width, target.Classes, seed);
        network.Train(_taught.Inputs, _taught.Answers, 12, seed);
        return network;
    }

    private (IReadOnlyList<float[]> Inputs, IReadOnlyList<float[]> Answers) _taught = ([], []);

    /// <summary>Has the attacker's data labelled, as a person would label it; by an account that no scenario uses.</summary>
    public async Task TeachAsync(CancellationToken cancellationToken)
    {
        var taught = _owned.Take(400).ToArray();
        var answers = new List<float[]>();
        for (var i = 0; i < taught.Length; i++)
        {
            answers.Add(await target.AskAsync(taught[i], 1, "drill-labelling", findings.Id("labelling", 0), cancellationToken, i + 1).ConfigureAwait(false));
        }

        _taught = (taught, answers);
    }

    private async Task<int[]> LabelsAsync(CancellationToken cancellationToken)
    {
        if (_runs.All(r => r.Extraction is null))
        {
            return [];
        }

        var labels = new int[_probes.Length];
        for (var i = 0; i < labels.Length; i++)
        {
            labels[i] = Vectors.ArgMax(await target.AskAsync(_probes[i], 1, "drill-judge", findings.Id("judge", 0), cancellationToken, i + 1).ConfigureAwait(false));
        }

        return labels;
    }

    private ScenarioReport Report(string scenario, IReadOnlyList<Run> runs, int[] labels)
    {
        var detected = new List<double>();
        var progress = new List<double>();
        var agreements = new List<double>();
        var monitors = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var (undetected, succeeded) = (0, 0);
        foreach (var run in runs)
        {
            var hits = findings.Hits.Where(h => h.Scenario == scenario && h.Seed == run.Seed).ToArray();
            foreach (var kind in hits.Select(h => h.Kind).Distinct(StringComparer.Ordinal))
            {
                monitors[kind] = monitors.GetValueOrDefault(kind) + 1;
            }

            int? at = hits.Length == 0 ? null : hits.Min(h => h.Query);
            if (at is { } query)
            {
                detected.Add(query);
            }

            if (run.Extraction is { } extraction)
            {
                var final = extraction.Agreement(run.Asked, _probes, labels, run.Seed);
                agreements.Add(final);
                var chance = labels.GroupBy(l => l).Max(g => g.Count()) / (double)labels.Length;
                var gained = Math.Max(0.01, final - chance);
                var then = at is { } now ? Math.Clamp((extraction.Agreement(now, _probes, labels, run.Seed) - chance) / gained, 0, 1) : 1;
                if (at is not null)
                {
                    progress.Add(then);
                }

                // The copy counts as stolen at nine of ten private inputs; undetected when it got half of its gain unseen.
                succeeded += final >= 0.9 ? 1 : 0;
                undetected += then >= 0.5 && final > chance + 0.1 ? 1 : 0;
            }
            else
            {
                if (at is { } seen && run.SucceededAt is { } goal)
                {
                    progress.Add(Math.Min(1, (double)seen / goal));
                }

                succeeded += run.SucceededAt is null ? 0 : 1;
                undetected += run.SucceededAt is { } end && (at is null || at > end) ? 1 : 0;
            }
        }

        var (name, _) = DrillScenarios.Parse(scenario);
        return new ScenarioReport(
            scenario,
            name.StartsWith("extraction", StringComparison.Ordinal) ? "extraction" : name == DrillScenarios.Membership ? "leakage" : name == DrillScenarios.Unlike ? "outlier" : "evasion",
            !name.StartsWith("transfer", StringComparison.Ordinal) && DrillScenarios.Extraction(name, [])?.IsDetectable != false,
            runs.Count,
            (double)detected.Count / Math.Max(1, runs.Count),
            DrillStatistics.ClopperPearson(detected.Count, runs.Count),
            DrillStatistics.Quantiles(detected),
            progress.Count == 0 ? null : DrillStatistics.Median(progress),
            (double)undetected / Math.Max(1, runs.Count),
            (double)succeeded / Math.Max(1, runs.Count),
            agreements.Count == 0 ? null : DrillStatistics.Median(agreements),
            monitors);
    }
}
