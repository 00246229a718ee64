using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Storage;

namespace Monitoring.Alerting.Incidents;

/// <summary>
/// The sentence that a tired person understands: who or what, since when, how much. "Client acme-batch-7 has asked digits
/// 4,180 questions since Sat 14:05 UTC; its copy now agrees on 79 to 87 %."
/// </summary>
/// <param name="showClient">How a sealed client id is shown to people.</param>
internal sealed class IncidentSentence(Func<string, string> showClient)
{
    private const int MaxSummary = 300;

    /// <param name="incident">Incident with the finding already merged.</param>
    /// <param name="finding">Newest finding.</param>
    public string Compose(Incident incident, Finding finding)
    {
        var since = Since(incident.SinceUnixNano, incident.LastFindingUnixNano);
        var who = Who(incident);
        var measures = incident.Details.Measures;
        // A certain finding stands on one event; how many were asked until then is its measure.
        var events = Count(Math.Max(incident.EventCount, measures.TryGetValue("queries", out var queries) && queries is >= 1 and < long.MaxValue ? (long)queries : 0));
        var sentence = incident.Family switch
        {
            Family.Extraction => $"{who} asked {incident.Model} {events} questions since {since}{Fidelity(measures)}",
            Family.Adversarial => $"{who} sent {incident.Model} {events} inputs since {since} that look crafted to fool it{Technique(incident)}",
            Family.Leakage => $"{who} learned about training data of {incident.Model} through {events} questions since {since}",
            Family.Outlier => $"{incident.Model} gets inputs unlike its reference since {since} ({events} events{From(incident)}){Variable(incident)}",
            Family.Drift => $"{incident.Model} sees other data than usual since {since} ({events} events{From(incident)}){Variable(incident)}",
            Family.Quality => $"{incident.Model} does worse than promised since {since} ({events} events{From(incident)}){Variable(incident)}",
            Family.Pipeline => $"{(incident.Model.Length > 0 ? incident.Model : "Monitoring")} is not watched as it should be since {since}",
            _ => $"{incident.Model}: {finding.Kind} alarmed, since {since} ({events} events)",
        };
        if (finding.Summary.Length > 0)
        {
            var summary = finding.Client.Length > 0 ? finding.Summary.Replace(finding.Client, showClient(finding.Client), StringComparison.Ordinal) : finding.Summary;
            summary = summary.Length > MaxSummary ? summary[..(MaxSummary - 1)] + "…" : summary.TrimEnd('.');
            sentence += (char.IsUpper(summary[0]) ? ". " : ": ") + summary;
        }

        return char.ToUpperInvariant(sentence[0]) + sentence[1..] + ".";
    }

    /// <summary>The sentence of an incident over many models.</summary>
    public static string ComposeStorm(Family family, int models, long sinceUnixNano, long nowUnixNano) =>
        string.Create(CultureInfo.InvariantCulture, $"{models:N0} models opened {Vocabulary.Of(family)} incidents together since {Since(sinceUnixNano, nowUnixNano)}: look for what they share before you look at one.");

    /// <summary>Weekday and time within six days, else the date; always UTC and saying so.</summary>
    public static string Since(long sinceUnixNano, long nowUnixNano)
    {
        var time = UnixNano.ToTime(sinceUnixNano);
        var format = nowUnixNano - sinceUnixNano < UnixNano.Span(TimeSpan.FromDays(6)) ? "ddd HH:mm 'UTC'" : "d MMM HH:mm 'UTC'";
        return time.ToString(format, CultureInfo.InvariantCulture);
    }

    private string Who(Incident incident)
    {
        var others = incident.Details.Clients.Count;
        return incident.Client.Length > 0 && others <= 1 ? $"client {showClient(incident.Client)}"
            : others > 1 ? string.Create(CultureInfo.InvariantCulture, $"{others} clients together ({showClient(incident.Details.Clients[0])} first)")
            : others == 1 ? $"client {showClient(incident.Details.Clients[0])}"
            : "somebody";
    }

    /// <summary>The name behind the seal where the configuration allows it, else enough of the id to tell clients apart; the page has the whole.</summary>
    public static IncidentSentence For(AlertingConfiguration configuration, ClientSealer sealer) =>
        new(id => (configuration.RevealClients ? sealer.Reveal("client", id) : null) ?? (id.Length > 24 ? id[..12] + "…" : id));

    private string From(Incident incident) => incident.Client.Length > 0 ? $" from client {showClient(incident.Client)}" : "";

    /// <summary>What <c>surrogate-fidelity</c> measured of the client's copy.</summary>
    private static string Fidelity(IReadOnlyDictionary<string, double> measures) =>
        measures.TryGetValue("agreement-low", out var low) && measures.TryGetValue("agreement-high", out var high)
            ? string.Create(CultureInfo.InvariantCulture, $"; its copy now agrees on {low * 100:F0} to {high * 100:F0} %")
            : "";

    private static string Technique(Incident incident) => incident.AtlasTechnique.Length > 0 ? $" ({incident.AtlasTechnique})" : "";

    private static string Variable(Incident incident)
    {
        if (incident.Details.Variables is not [var first, ..])
        {
            return "";
        }

        var size = first.Measure.Length == 0 || !double.IsFinite(first.Size) ? ""
            : string.Create(CultureInfo.InvariantCulture, $" by {first.Size:+0.##;-0.##;0} ({first.Measure})");
        return $", mostly {first.Name}{size}";
    }

    private static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
