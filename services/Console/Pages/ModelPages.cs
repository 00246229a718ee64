using Microsoft.AspNetCore.Http;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Incidents;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>The models, and one model: its monitors, its incidents, how often its monitors were right.</summary>
internal static class ModelPages
{
    public static IResult List(HttpContext context, IReadOnlyList<ModelConfiguration> models, IReadOnlyList<MonitorStatus> monitors, IReadOnlyDictionary<string, int> open)
    {
        var items = models.Select(m => Html.Of(
            $"""
            <li><a class="what" href="/models/{Uri.EscapeDataString(m.Name)}">{m.Name}</a><div class="meta"><span>version {m.Version}</span>{Html.If(m.Owner is { Length: > 0 }, () => Html.Of($"<span>{m.Owner!}</span>"))}<span>{States(monitors.Where(s => s.Model == m.Name))}</span>{Html.If(open.GetValueOrDefault(m.Name) > 0, () => Html.Of($"<span class=\"tag harm\">{open[m.Name]} open</span>"))}</div></li>
            """));
        return Layout.Page(context, "Models", "/models", Html.Of($"<h1>Models</h1><div class=\"card\"><ul class=\"list\">{items}</ul>{Html.If(models.Count == 0, () => Html.Of($"<p>No model is configured.</p>"))}</div>"), live: true);
    }

    public static IResult One(HttpContext context, ModelConfiguration model, IReadOnlyList<MonitorStatus> monitors, IReadOnlyList<IncidentView> incidents, IReadOnlyList<PrecisionView> precision, DateTimeOffset now)
    {
        var rows = monitors.GroupBy(m => (m.Monitor, m.Kind)).OrderBy(g => g.Key.Monitor, StringComparer.Ordinal).Select(g =>
        {
            var strongest = g.MaxBy(m => m.LogEvidence)!;
            var share = double.IsFinite(strongest.LogEvidence) && strongest.LogLevel > 0 ? Math.Clamp(strongest.LogEvidence / strongest.LogLevel, 0, 1) : 0;
            var right = precision.FirstOrDefault(p => p.Monitor == g.Key.Monitor);
            return Html.Of(
                $"""
                <tr><th scope="row">{g.Key.Monitor}<div class="quiet">{g.Key.Kind}</div></th><td>{strongest.State.ToString().ToLowerInvariant()}{Html.If(strongest.LearningDraws > 0, () => Html.Of($" {100.0 * strongest.LearnedDraws / strongest.LearningDraws:0} %"))}{Html.If(strongest.Reason.Length > 0, () => Html.Of($"<div class=\"quiet\">{strongest.Reason}</div>"))}</td><td><svg class="bar" viewBox="0 0 200 14" role="img" aria-label="evidence {share * 100:0} % of the level"><line class="axis" x1="0" x2="200" y1="7" y2="7"/><rect class="for" x="0" y="2" width="{share * 200:0.#}" height="10"/></svg></td><td class="number">{strongest.Coverage * 100:0.#} %</td><td class="number">{(right is null ? "" : $"{Words.Number(Math.Round(right.Precision * 100))} % of {right.Judged}")}</td></tr>
                """);
        }).ToList();
        var table = rows.Count > 0
            ? Html.Of($"<div class=\"wide\"><table><thead><tr><th scope=\"col\">monitor</th><th scope=\"col\">state</th><th scope=\"col\">evidence</th><th scope=\"col\" class=\"number\">coverage</th><th scope=\"col\" class=\"number\">was right</th></tr></thead><tbody>{rows}</tbody></table></div>")
            : Html.Of($"<p class=\"quiet\">No monitor of this model runs in this process. Where every service is its own process, their states are on the dashboards (<code>monitoring_detection_state_code</code>).</p>");
        var open = incidents.Where(i => i.State is "open" or "acknowledged").ToList();
        var closed = incidents.Except(open).ToList();
        return Layout.Page(
            context,
            model.Name,
            "/models",
            Html.Of(
                $"""
                <p class="crumb"><a href="/models">Models</a></p>
                <h1>{model.Name}</h1>
                <section class="card" aria-labelledby="open"><h2 id="open">{(open.Count == 0 ? "No open incident" : $"{open.Count} open")}</h2><ul class="list">{IncidentListPage.Items(open, now)}</ul></section>
                <section class="card" aria-labelledby="labels"><h2 id="labels">Labels</h2><p><a href="/models/{Uri.EscapeDataString(model.Name)}/review">Rows worth a label</a>: flagged, outlying, uncertain, and a random sample.</p></section>
                <section class="card" aria-labelledby="monitors"><h2 id="monitors">Monitors</h2>{table}</section>
                <section class="card" aria-labelledby="about"><h2 id="about">About</h2><dl class="facts">
                <dt>Version</dt><dd>{model.Version}</dd>
                {Fact("Owner", model.Owner)}{Fact("Risk", model.Risk)}{Fact("Fallback", model.Fallback)}{model.Source.Select(s => Fact(s.Key, s.Value))}
                <dt>Served</dt><dd>{(model.Onnx is not null ? "here, from an ONNX file" : model.Upstream is not null ? "by another server, through here" : "elsewhere; its events come from a logger")}</dd>
                {Fact("Expected clients", model.Expected.Count > 0 ? string.Join(", ", model.Expected) : null)}
                </dl></section>
                <section class="card" aria-labelledby="closed"><h2 id="closed">Closed</h2>{(closed.Count == 0 ? Html.Of($"<p class=\"quiet\">None.</p>") : Html.Of($"<ul class=\"list\">{IncidentListPage.Items(closed, now)}</ul>"))}</section>
                """),
            live: true);
    }

    private static Html Fact(string name, string? value) => Html.If(value is { Length: > 0 }, () => Html.Of($"<dt>{name}</dt><dd>{value!}</dd>"));

    private static string States(IEnumerable<MonitorStatus> monitors)
    {
        var states = monitors.GroupBy(m => m.State).OrderBy(g => g.Key).Select(g => $"{g.Select(m => m.Monitor).Distinct(StringComparer.Ordinal).Count()} {g.Key.ToString().ToLowerInvariant()}").ToList();
        return states.Count == 0 ? "monitors in other processes" : string.Join(", ", states);
    }
}
