using System.Globalization;
using System.Text;
using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>
/// Suite <c>detection</c>: what the attack monitors see of real attacks, in this process from recordings, and how often they cry wolf. Writes <c>docs/reference/detection.md</c> when all parts are run.
/// Options: <c>--seeds</c> (victims, thieves; default 5), <c>--budget</c> (queries per evasion, 1,000), <c>--thief</c> (queries per theft, 5,800), <c>--clean</c> (clean queries past the evasion monitors, 200,000),
/// <c>--clean-similarity</c> (past query-similarity alone, which needs no answers of the model, 0), <c>--clean-extraction</c> (past the extraction monitors, 50,000), <c>--clean-one-class</c> (the same of ten clients that have a hundred digits of one class, 0),
/// <c>--parts</c> (evasion,extraction,leakage,clean: some only; then no page is written), <c>--thieves</c> (natural,active,…: some only), <c>--rows</c> (judged, or tuning: the rows and seeds that forms and parameters were chosen on; no page either).
/// </summary>
internal static class DetectionSuite
{
    private const double Level = 1e5;
    private static readonly string[] s_parts = ["evasion", "extraction", "leakage", "clean"];

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var seeds = Integer(arguments, "seeds", "5");
        var budget = Integer(arguments, "budget", "1000");
        var thief = Integer(arguments, "thief", "5800");
        var clean = Integer(arguments, "clean", "200000");
        var cleanSimilarity = Integer(arguments, "clean-similarity", "0");
        var cleanExtraction = Integer(arguments, "clean-extraction", "50000");
        var cleanOneClass = Integer(arguments, "clean-one-class", "0");
        var tuning = arguments["rows", "judged"] switch { "judged" => false, "tuning" => true, _ => throw new ArgumentException("--rows: judged or tuning") };
        var strategies = arguments["thieves", ""].Split(',', StringSplitOptions.RemoveEmptyEntries);
        var parts = arguments["parts", string.Join(',', s_parts)].Split(',');
        if (parts.Except(s_parts, StringComparer.Ordinal).Any())
        {
            throw new ArgumentException($"--parts: some of {string.Join(',', s_parts)}");
        }

        using var digits = await Digits.OpenAsync().ConfigureAwait(false);
        var scenarios = new List<ScenarioResult>();
        var fidelity = new List<FidelityCheck>();
        if (parts.Contains("evasion"))
        {
            foreach (var attack in EvasionAttacks.All)
            {
                scenarios.Add(await EvasionRuns.RunAsync(digits, attack, seeds, budget, Level).ConfigureAwait(false));
                Console.WriteLine(Row(scenarios[^1]));
            }
        }

        (ScenarioResult Lattice, int CleanQueries, int CleanClients, Dictionary<string, int> FalseAlarms)? flights = null;
        if (parts.Contains("extraction"))
        {
            var (thefts, checks) = await ExtractionRuns.RunAsync(digits, seeds, thief, Level, tuning, strategies).ConfigureAwait(false);
            scenarios.AddRange(thefts);
            fidelity.AddRange(checks);
            flights = await FlightRuns.RunAsync(digits.Demo, seeds, Level).ConfigureAwait(false);
            scenarios.Add(flights.Value.Lattice);
            foreach (var theft in scenarios.Where(s => s.Family == "extraction"))
            {
                Console.WriteLine(Row(theft));
            }

            Console.WriteLine(Fidelity(fidelity));
        }

        (List<ScenarioResult> Scenarios, int CleanAnswers, Dictionary<string, int> FalseAlarms)? leakage = null;
        if (parts.Contains("leakage"))
        {
            leakage = await LeakageRuns.RunAsync(digits, seeds, Level).ConfigureAwait(false);
            scenarios.AddRange(leakage.Value.Scenarios);
            foreach (var leak in leakage.Value.Scenarios)
            {
                Console.WriteLine(Row(leak));
            }
        }

        var calm = new List<CleanResult>();
        if (parts.Contains("clean"))
        {
            foreach (var (kinds, queries, oneClass) in new (string[], int, bool)[] { (["query-similarity"], cleanSimilarity, false), (["query-similarity", "off-manifold"], clean, false), (["query-pattern", "self-similarity"], cleanExtraction, false), (["query-pattern", "self-similarity"], cleanOneClass, true) })
            {
                if (queries > 0)
                {
                    calm.Add(await CleanRuns.RunAsync(digits, kinds, queries, Level, oneClass, tuning).ConfigureAwait(false));
                }
            }

            Console.WriteLine(Calm(calm));
        }

        if (parts.Length == s_parts.Length && !tuning && strategies.Length == 0)
        {
            var command = $"--seeds {seeds} --budget {budget} --thief {thief}{(cleanSimilarity > 0 ? $" --clean-similarity {cleanSimilarity}" : "")} --clean {clean} --clean-extraction {cleanExtraction}{(cleanOneClass > 0 ? $" --clean-one-class {cleanOneClass}" : "")}";
            var file = Path.Combine(digits.Demo.Repository, "docs", "reference", "detection.md");
            await File.WriteAllTextAsync(file, Page(command, budget, scenarios, fidelity, calm, flights!.Value, leakage!.Value)).ConfigureAwait(false);
        }

        return new { seeds, scenarios, fidelity, clean = calm, flights, leakage = leakage?.FalseAlarms };
    }

    private static int Integer(BenchmarkArguments arguments, string name, string value) => int.Parse(arguments[name, value], CultureInfo.InvariantCulture);

    private static string Show(QuantilesReport? q) => q is null ? "-" : string.Create(CultureInfo.InvariantCulture, $"{q.Median:0.#} ({q.P90:0})");

    internal static string Row(ScenarioResult s)
    {
        var monitors = string.Join("; ", s.Monitors.Where(m => m.Value.Detected > 0).Select(m => $"{m.Key}: {m.Value.Detected}, {Show(m.Value.Queries)}"));
        return string.Create(CultureInfo.InvariantCulture, $"| {s.Name} | {(s.Detectable ? "yes" : "no")} | {s.DetectionRate:P0} ({s.DetectionRateInterval[0]:F2} to {s.DetectionRateInterval[1]:F2}) | {Show(s.QueriesToDetect)} | {(s.ProgressAtDetection is { } p ? p.ToString("P0", CultureInfo.InvariantCulture) : "-")} | {(s.FinalAgreement is { } a ? $"copy agrees {a:P0}" : s.Goal is null ? "-" : $"{s.Success:P0}, {Show(s.Goal)}")} | {s.UndetectedSuccess:P0} | {(monitors.Length == 0 ? "none" : monitors)} |");
    }

    internal static string Table(IEnumerable<ScenarioResult> scenarios)
    {
        var table = new StringBuilder("| scenario | detectable | detected (95 %) | queries to the first alarm | of its goal then | goal reached, queries | unseen success | by monitor: runs, queries |\n|---|---|---|---|---|---|---|---|\n");
        foreach (var scenario in scenarios)
        {
            table.AppendLine(Row(scenario));
        }

        return table.ToString().TrimEnd();
    }

    private static string Fidelity(IReadOnlyList<FidelityCheck> checks)
    {
        var table = new StringBuilder("| thief | queries | interval (median) | the copy really agrees (median) | intervals that cover it |\n|---|---|---|---|---|\n");
        foreach (var group in checks.GroupBy(c => (c.Scenario, c.Queries)))
        {
            table.AppendLine(CultureInfo.InvariantCulture, $"| {group.Key.Scenario} | {group.Key.Queries:N0} | {DrillStatistics.Median([.. group.Select(c => c.Low)]):F3} to {DrillStatistics.Median([.. group.Select(c => c.High)]):F3} | {DrillStatistics.Median([.. group.Select(c => c.Truth)]):F3} | {group.Count(c => c.Covers)} of {group.Count()} |");
        }

        return table.ToString().TrimEnd();
    }

    /// <summary>Part of the gain that a thief's copy has after its fifty natural seeds, median.</summary>
    private static string Seeds(IEnumerable<ScenarioResult> scenarios) => string.Join(", ", scenarios.Where(s => s.WithSeeds is not null).Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Name} {s.WithSeeds:P0}")));

    private static string Calm(IEnumerable<CleanResult> results)
    {
        var table = new StringBuilder("| monitor | clients | clean queries | false alarms | rate a query that this leaves possible (95 %) | queries a second of processor time |\n|---|---|---|---|---|---|\n");
        foreach (var result in results)
        {
            foreach (var monitor in result.Monitors)
            {
                table.AppendLine(CultureInfo.InvariantCulture, $"| {monitor.Kind} | {result.Clients} | {result.Queries:N0}, {result.Repeats:N0} of them exact repeats, {result.Links:N0} linked | {monitor.FalseAlarms}{(monitor.Alarmed.Count > 0 ? $" ({string.Join(", ", monitor.Alarmed.Take(10))})" : "")} | {monitor.SupportedBound:0.0E+0} | {monitor.QueriesPerSecond:N0} |");
            }
        }

        return table.ToString().TrimEnd();
    }

    private static string Page(
        string command,
        int budget,
        IReadOnlyList<ScenarioResult> scenarios,
        IReadOnlyList<FidelityCheck> fidelity,
        IReadOnlyList<CleanResult> calm,
        (ScenarioResult Lattice, int CleanQueries, int CleanClients, Dictionary<string, int> FalseAlarms) flights,
        (List<ScenarioResult> Scenarios, int CleanAnswers, Dictionary<string, int> FalseAlarms) leakage) => string.Create(CultureInfo.InvariantCulture, $"""
        # What is detected

        Written by `dotnet run -c Release --project tests/Benchmarks -- detection {command}`; do not edit. Real attacks on the demo's models, recorded without monitoring, then shown to the monitors in this process,
        with the runtime's own evidence. `monitoring drill` does the same over HTTP against your own model.

        Digits of the population (unseen in training): rows 0 to 2,999 make the profile, as traffic of ninety clean clients of nine habits, each digit either fitted on or calibrating; 3,000 to 3,999 and victims 5,000 to 5,057 are what parameters
        and forms were chosen on; **judged are victims from {Digits.FirstVictim:N0} on, one per seed, and clean traffic from rows 4,000 to 4,999 and 5,100 on**, under other seeds. Level: one false alarm in 10⁵ (fresh queries for `query-similarity`; a
        client's queries for the others), fixed; in an installation it follows from the receiver's budget and is higher. Queries: median (90 % point).

        ## Evasion by queries

        *Goal*: another class within L∞ 0.2 (NES, Square; adaptive Square 0.3), by steps of 0.3 (SimBA), within L2 2 (Boundary, HopSkipJump), in at most {budget:N0} queries. Attackers get it with monitoring on as with monitoring off: monitors
        change no answer. *Unseen success*: the goal came before any alarm. The 1 % column sees the first sixty queries of the attack among a hundred times as many. The first alarm counts one account only.

        {Table(scenarios.Where(s => s.Family == "evasion"))}

        ## Extraction

        Active and synthetic thieves begin with fifty natural queries, which nothing can tell from a customer's, and have most of their gain by then (*with natural seeds alone*: {Seeds(scenarios)}): half of the gain before an alarm is out of reach for any monitor.
        After them the level asks for ln 10⁵ = 11.5 nats. On tuning thieves a bet that knew beforehand what an active thief asks would gain 0.16 nats a query: with 3 nats for not knowing it, some 90 chosen queries, 140 in all, and more because honest clients differ
        from each other (docs/adr/0095). Queries made from a client's own need 5.
        Thieves train a network of one hidden layer on what they are told (a convolutional one gets further). *Of its goal then*: the part of the agreement gained in the end that the copy had at the alarm. *Unseen success*: it had half of
        that before any alarm. Twenty accounts share one address prefix, which `query-pattern`, `self-similarity` and `query-budget` watch as a cohort (as they do accounts that send the same inputs). *Two a minute*: log time runs as long as the queries would take, two days. The lattice walks over the
        five columns of the flights model; its clean clients asked {flights.CleanQueries:N0} queries ({flights.CleanClients} clients): {string.Join(", ", flights.FalseAlarms.Select(f => $"{f.Key} {f.Value} false alarms"))}.

        {Table(scenarios.Where(s => s.Family == "extraction"))}

        Natural queries from the model's own domain are undetectable by pattern, in principle. What there is for them is a budget and the interval of `surrogate-fidelity`:

        {Fidelity(fidelity)}

        ## Leakage

        Queries count from the first answer that leaks: one is at first appearance. {leakage.CleanAnswers:N0} ordinary answers before and beside them: {string.Join(", ", leakage.FalseAlarms.Select(f => $"{f.Key} {f.Value}"))} false alarms (membership: 20,000 clean queries).
        Of order numbers of sixteen random digits one in fifty begins, measures and checks as a card number does, and is one to `pii`.

        {Table(scenarios.Where(s => s.Family == "leakage"))}

        ## Clean traffic

        Habits: steady, bursts and batches (digits turned by up to 10° and moved by up to 1.5 pixels), retries, ten inputs again and again, three versions of every input, crawls, re-sending of old and new inputs, one class only; ten clients of
        each. Every input taken up is turned by up to 5°, moved by up to 0.75 pixels and bent by a smooth field of 0.7 pixels, as another hand would have drawn it, in the profile too: nineteen hundred digits stand for everybody's. Clients whose name ends in the same figure share an address prefix: ten cohorts of nine are watched beside them. Rows of ten clients: each has a hundred digits of one class and sends nothing else.

        {Calm(calm)}

        The rate is what so many queries support, and no better; nineteen hundred digits make all of this traffic by being moved and bent, so it says less about new people's digits. A client that sends one class only has 190 of them (a hundred
        where there are ten clients): the longer it goes on, the more it differs from a client that has new ones, and evidence takes every client for one with a stock of its own (docs/adr/0096).

        ## Missed, and undetectable

        - One-shot examples (transferred FGSM, PGD, patches) and searches of fewer than some 15 queries: no sequential monitor at this level can see them. `feature-squeezing` and `class-mahalanobis` look at single inputs.
        - A victim on which Square or the adaptive Square succeeds within a few queries.
        - Extraction by natural queries: undetectable by pattern, in principle; a budget is the answer.
        - Whoever has many accounts in many cohorts: each is judged alone by every monitor but `query-similarity`.

        """);
}
