using System.Globalization;
using System.Text;
using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>
/// Suite <c>unseen</c>: attacks and clean traffic of kinds that no monitor was chosen beside. Writes <c>docs/reference/unseen.md</c> when all parts are run on judged rows. Options: <c>--seeds</c> (victims, thieves; 5), <c>--budget</c> (queries of an evasion; 600),
/// <c>--thief</c> (of a theft; 600), <c>--clean</c> (queries of each kind of clean traffic; 3,000), <c>--parts</c> (evasion,extraction,leakage,clean), <c>--only</c> (names, also of detection.md's attacks), <c>--rows</c> (judged or tuning).
/// </summary>
internal static class UnseenSuite
{
    private const double Level = 1e5;
    private static readonly string[] s_parts = ["evasion", "extraction", "leakage", "clean"];

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var seeds = Integer(arguments, "seeds", "5");
        var budget = Integer(arguments, "budget", "600");
        var thief = Integer(arguments, "thief", "600");
        var clean = Integer(arguments, "clean", "3000");
        var tuning = arguments["rows", "judged"] switch { "judged" => false, "tuning" => true, _ => throw new ArgumentException("--rows: judged or tuning") };
        var only = arguments["only", ""].Split(',', StringSplitOptions.RemoveEmptyEntries);
        var parts = arguments["parts", string.Join(',', s_parts)].Split(',');
        if (parts.Except(s_parts, StringComparer.Ordinal).Any())
        {
            throw new ArgumentException($"--parts: some of {string.Join(',', s_parts)}");
        }

        using var digits = await Digits.OpenAsync().ConfigureAwait(false);
        var scenarios = new List<ScenarioResult>();
        if (parts.Contains("evasion"))
        {
            foreach (var attack in only.Length == 0 ? UnseenAttacks.All : [.. UnseenAttacks.All.Concat(EvasionAttacks.All).Where(a => only.Contains(a.Name))])
            {
                scenarios.Add(await EvasionRuns.RunAsync(digits, attack, seeds, budget, Level, tuning ? 5_020 : Digits.FirstVictim, further: true).ConfigureAwait(false));
                Console.WriteLine(DetectionSuite.Row(scenarios[^1]));
            }
        }

        if (parts.Contains("extraction"))
        {
            await foreach (var theft in UnseenThefts.RunAsync(digits, seeds, thief, Level, tuning, only).ConfigureAwait(false))
            {
                scenarios.Add(theft);
                Console.WriteLine(DetectionSuite.Row(theft));
            }
        }

        if (parts.Contains("leakage"))
        {
            foreach (var probing in await UnseenMembership.RunAsync(digits, seeds, Level, tuning).ConfigureAwait(false))
            {
                scenarios.Add(probing);
                Console.WriteLine(DetectionSuite.Row(probing));
            }
        }

        var calm = new List<UnseenCleanResult>();
        if (parts.Contains("clean"))
        {
            await foreach (var kind in UnseenClean.RunAsync(digits, clean, Level, tuning, only).ConfigureAwait(false))
            {
                calm.Add(kind);
                Console.WriteLine(Calm(kind));
            }
        }

        if (parts.Length == s_parts.Length && !tuning && only.Length == 0)
        {
            var file = Path.Combine(digits.Demo.Repository, "docs", "reference", "unseen.md");
            await File.WriteAllTextAsync(file, Page($"--seeds {seeds} --budget {budget} --thief {thief} --clean {clean}", scenarios, calm)).ConfigureAwait(false);
        }

        return new { seeds, scenarios, clean = calm };
    }

    private static int Integer(BenchmarkArguments arguments, string name, string value) => int.Parse(arguments[name, value], CultureInfo.InvariantCulture);

    private static string Calm(UnseenCleanResult kind) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {kind.Name} | {kind.Clients} | {kind.Queries:N0} | {(kind.Alarms.All(a => a.Value == 0) ? "none" : string.Join("; ", kind.Alarms.Where(a => a.Value > 0).Select(a => $"{a.Key}: {a.Value}{(kind.First.TryGetValue(a.Key, out var first) ? $", first at {first:N0}" : "")}")))} |");

    private static string Page(string command, IReadOnlyList<ScenarioResult> scenarios, IReadOnlyList<UnseenCleanResult> calm)
    {
        var page = new StringBuilder();
        page.Append(CultureInfo.InvariantCulture, $"""
            # Attacks and clean traffic that nothing was chosen beside

            Written by `dotnet run -c Release --project tests/Benchmarks -- unseen {command}`; do not edit. As [detection.md](detection.md): the demo's digits, victims from {Digits.FirstVictim:N0} on, level one in 10⁵, recordings made without monitoring. The monitors' forms and
            parameters are those of detection.md; what was changed after a first run of these kinds (on other rows: `--rows tuning`) is in docs/adr/0109.

            ## Evasion by queries

            *one in ten*: nine natural queries of the same account after each of the attack's; counted are the attack's. `self-similarity` and `query-pattern` watch for theft, and see some of these.

            {DetectionSuite.Table(scenarios.Where(s => s.Family == "evasion"))}

            ## Extraction

            Thieves who need seeds begin with fifty natural queries. Copies are networks of one hidden layer.

            {DetectionSuite.Table(scenarios.Where(s => s.Family == "extraction"))}

            ## Membership

            Thirty training records, one after the other, each with what hides it; queries count all of these.

            {DetectionSuite.Table(scenarios.Where(s => s.Family == "leakage"))}

            ## Clean traffic

            One kind at a time, each to fresh monitors of the same profile: what a client of that kind would do to an installation whose reference has none of it. Alarms at the fixed level; `expected:` takes a client's alarms off the pager.

            | kind | clients | queries | alarms |
            |---|---|---|---|

            """);
        foreach (var kind in calm)
        {
            page.AppendLine(Calm(kind));
        }

        return page.ToString();
    }
}
