using Microsoft.AspNetCore.Http;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Incidents;
using Monitoring.Storage;
using Monitoring.WebConsole.Access;
using Monitoring.WebConsole.Drawings;
using Monitoring.WebConsole.Markup;
using Monitoring.WebConsole.Runbooks;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole.Pages;

/// <summary>One incident: what happened, what to do first, the acts, and below them the evidence.</summary>
internal static class IncidentDetailPage
{
    private const int MaxClients = 12;
    private const int MaxMembers = 200;

    public static IResult Of(HttpContext context, IncidentPageData data, DateTimeOffset now)
    {
        var incident = data.Detail.Incident;
        Html[] sections =
        [
            Head(incident, data.Done, now),
            First(incident),
            Acts(context, incident),
            Contain(context, incident, data.Responses),
            Facts(incident, now),
            Evidence(data),
            SamplesOf(incident, data),
            Explained(incident, data),
            Changes(data.Detail.Changes),
            Members(data.Detail.Members),
            Clients(context, incident),
            Notes(context, incident, data.Detail.Notes),
            Timeline(incident),
            Told(data.Detail.Notifications),
            Findings(data.Findings),
            AuditOf(data.Audit),
        ];
        return Layout.Page(context, Short(incident.Sentence), "/incidents", Html.Join(sections));
    }

    private static Html Head(IncidentView incident, string done, DateTimeOffset now)
    {
        var notice = Html.If(done.Length > 0, () => Html.Of($"<p class=\"notice\" role=\"status\">{done}</p>"));
        var severity = incident.State is "resolved" or "falseAlarm" ? "done" : incident.Severity;
        return Html.Of(
            $"""
            <p class="crumb"><a href="/incidents">Incidents</a> / <span class="id">{incident.Id}</span></p>
            <h1>{incident.Sentence}</h1>
            {notice}
            <ul class="pills"><li class="pill {severity}">{(severity == "done" ? Words.State(incident.State) : incident.Severity)}</li>{Html.If(severity != "done", () => Html.Of($"<li class=\"pill\">{Words.State(incident.State)}</li>"))}<li class="pill">{incident.Family}</li><li class="pill">since {Words.Ago(now - UnixNano.ToTime(incident.SinceUnixNano))}</li>{Html.If(incident.Held, () => Html.Of($"<li class=\"pill\">evidence held</li>"))}{Html.If(incident.Assignee.Length > 0, () => Html.Of($"<li class=\"pill\">with {incident.Assignee}</li>"))}</ul>
            """);
    }

    private static Html First(IncidentView incident)
    {
        var runbook = Runbook.ForFamily(incident.Family);
        return Html.Of($"<section class=\"card first\" aria-labelledby=\"first\"><h2 id=\"first\">What to do first</h2><p>{incident.FirstStep}</p><p><a href=\"/runbooks/{runbook}\">Runbook: {runbook}</a></p></section>");
    }

    private static Html Acts(HttpContext context, IncidentView incident)
    {
        if (!context.User.MayRespond(incident.Model))
        {
            return Html.Of($"<p class=\"quiet\">You may look. To act, <a href=\"/login?return=/incidents/{Uri.EscapeDataString(incident.Id)}\">sign in</a> with a key that may respond.</p>");
        }

        var token = Layout.Token(context);
        var path = $"/incidents/{Uri.EscapeDataString(incident.Id)}";
        var open = incident.State is "open" or "acknowledged";
        return Html.Of(
            $"""
            <section class="acts" aria-label="Acts">
            {Html.If(incident.State == "open", () => Html.Of($"<form method=\"post\" action=\"{path}/acknowledge\">{token}<button class=\"main\">Acknowledge</button></form>"))}
            {Html.If(incident.State != "falseAlarm", () => Html.Of($"<details><summary>False alarm</summary><form method=\"post\" action=\"{path}/false-alarm\">{token}<label for=\"fa\">Why was it nothing? It counts against the monitor's precision.</label><input id=\"fa\" name=\"reason\" maxlength=\"2000\"><button>Close as false alarm</button></form></details>"))}
            {Html.If(open, () => Html.Of($"<details><summary>Resolve</summary><form method=\"post\" action=\"{path}/resolve\">{token}<label for=\"rs\">What was done</label><input id=\"rs\" name=\"reason\" maxlength=\"2000\"><button>Resolve</button></form></details>"))}
            {Html.If(open && !context.User.CameByLink(), () => Html.Of($"<details><summary>Silence</summary><form method=\"post\" action=\"{path}/silence\">{token}<label for=\"sl\">{incident.Model}, {incident.Family}{(incident.Client.Length > 0 ? ", this client" : "")}: no messages for</label><select id=\"sl\" name=\"for\"><option>1h</option><option>4h</option><option>24h</option><option>7d</option></select><label for=\"slr\">Why</label><input id=\"slr\" name=\"reason\" maxlength=\"2000\" required><button>Silence</button></form></details>"))}
            <details><summary>Assign</summary><form method="post" action="{path}/assign">{token}<label for="as">Who takes it</label><input id="as" name="assignee" maxlength="200" value="{incident.Assignee}"><button>Assign</button></form></details>
            <form method="post" action="{path}/{(incident.Held ? "release" : "hold")}">{token}<button>{(incident.Held ? "Release evidence" : "Hold evidence")}</button></form>
            </section>
            """);
    }

    /// <summary>What to do about the clients of an attack, and what has been decided.</summary>
    private static Html Contain(HttpContext context, IncidentView incident, IReadOnlyList<ResponseView>? responses)
    {
        if (responses is null || (incident.Details.Clients.Count == 0 && responses.Count == 0))
        {
            return Html.Empty;
        }

        var path = $"/incidents/{Uri.EscapeDataString(incident.Id)}";
        var may = context.User.MayRespond(incident.Model) && !context.User.CameByLink();
        var token = may ? Layout.Token(context) : Html.Empty;
        var decided = responses.Select(r => Html.Of(
            $"""
            <li><strong>{r.Action}</strong> {r.Parameter} for {Words.Id(r.Client)} <span class="pill {(r.Mode == "enforced" ? "harm" : "change")}">{r.Mode}</span><div class="meta"><span>by {r.Author}</span><span>until {Words.Time(r.Expires)}</span>{Html.If(r.Reason.Length > 0, () => Html.Of($"<span>{r.Reason}</span>"))}</div>{Html.If(may, () => Html.Of($"<form method=\"post\" action=\"{path}/lift\">{token}<input type=\"hidden\" name=\"response\" value=\"{r.Id}\"><button>Lift</button></form>"))}</li>
            """));
        var form = Html.If(may && incident.Details.Clients.Count > 0 && incident.State is "open" or "acknowledged", () => Html.Of(
            $"""
            <details><summary>Contain {(incident.Details.Clients.Count == 1 ? "this client" : $"these {incident.Details.Clients.Count} clients")}</summary><form method="post" action="{path}/respond">{token}<label for="ra">How</label><select id="ra" name="action"><option value="throttle">throttle: one call a second</option><option value="coarsen">coarsen: the top class only</option><option value="deny">deny</option><option value="route">route to the fallback</option></select><label for="rf">For</label><select id="rf" name="for"><option>1h</option><option selected>2h</option><option>8h</option><option>24h</option></select><label for="rw">Why; kept in the audit</label><input id="rw" name="reason" required maxlength="2000"><button>Respond</button></form></details>
            """));
        return Html.Of($"<section class=\"card\" aria-labelledby=\"contain\"><h2 id=\"contain\">Containment</h2>{Html.If(responses.Count > 0, () => Html.Of($"<ul class=\"list\">{decided}</ul>"))}{form}<p class=\"quiet\">Decisions are signed and expire. Where the configuration does not enforce them they are dry runs: recorded and counted only.</p></section>");
    }

    private static Html Facts(IncidentView incident, DateTimeOffset now)
    {
        var technique = incident.AtlasTechnique.Length > 0
            ? Html.Of($"<dt>MITRE ATLAS</dt><dd><a href=\"https://atlas.mitre.org/techniques/{Uri.EscapeDataString(incident.AtlasTechnique)}\" rel=\"noreferrer\">{incident.AtlasTechnique}</a></dd>")
            : Html.Empty;
        var measures = incident.Details.Measures.Select(m => Html.Of($"<dt>{m.Key}</dt><dd>{Words.Number(m.Value)}</dd>"));
        var coverage = incident.Coverage < 0.999
            ? Html.Of($"<dt>Coverage</dt><dd><strong>{incident.Coverage * 100:0.#} %</strong> of what the sources sent was seen: the figures here are at least that much too low</dd>")
            : Html.Of($"<dt>Coverage</dt><dd>everything that the sources sent was seen</dd>");
        var model = incident.Model.Length > 0
            ? Html.Of($"<dt>Model</dt><dd><a href=\"/models/{Uri.EscapeDataString(incident.Model)}\">{incident.Model}</a>{(incident.ModelVersion.Length > 0 ? $" version {incident.ModelVersion}" : "")}</dd>")
            : Html.Of($"<dt>Models</dt><dd>{incident.MemberModels}</dd>");
        return Html.Of(
            $"""
            <section class="card" aria-labelledby="facts"><h2 id="facts">At a glance</h2><dl class="facts">
            {model}
            <dt>Since</dt><dd>{Words.Time(incident.SinceUnixNano, now)}</dd>
            <dt>Newest finding</dt><dd>{Words.Time(incident.LastFindingUnixNano, now)}</dd>
            <dt>Findings</dt><dd>{Words.Count(incident.Findings)} over {Words.Count(incident.Events)} events, by {string.Join(", ", incident.Details.Monitors)}</dd>
            {coverage}
            {technique}
            {Html.If(incident.Suppression.Length > 0, () => Html.Of($"<dt>Nobody was told</dt><dd>{incident.Suppression}</dd>"))}
            {Html.If(incident.Parent is not null, () => Html.Of($"<dt>Part of</dt><dd><a href=\"/incidents/{Uri.EscapeDataString(incident.Parent!)}\">{incident.Parent!}</a></dd>"))}
            {Html.If(incident.InhibitedBy is not null, () => Html.Of($"<dt>Explained by</dt><dd><a href=\"/incidents/{Uri.EscapeDataString(incident.InhibitedBy!)}\">{incident.InhibitedBy!}</a></dd>"))}
            {measures}
            </dl></section>
            """);
    }

    private static Html Evidence(IncidentPageData data)
    {
        var curve = EvidenceCurve.Draw(data.Findings);
        var variables = data.Detail.Incident.Details.Variables;
        var rows = variables.Select(v => Html.Of(
            $"""
            <tr><th scope="row">{v.Name}</th><td>{(data.Curves.TryGetValue(v.Name, out var values) ? ValueCurve.Draw(v.Name, values) : EvidenceCurve.Small(data.Findings, v.Name))}</td><td>{Effect(v.Measure, v.Reference, v.Observed, v.Size)}</td><td class="number">{v.LogEvidence:0.0}</td></tr>
            """));
        var table = Html.If(variables.Count > 0, () => Html.Of(
            $"""
            <h3>Top features</h3>
            <div class="wide"><table><thead><tr><th scope="col">feature</th><th scope="col">{(data.Curves.Count > 0 ? "value before and since" : "evidence")}</th><th scope="col">effect</th><th scope="col" class="number">log evidence</th></tr></thead><tbody>{rows}</tbody></table></div>
            """));
        var where = Where(data.Detail.Incident.Details.Slice, data.Detail.Incident.Details.Columns);
        return curve.IsEmpty && variables.Count == 0 && where.IsEmpty ? Html.Empty
            : Html.Of($"<section class=\"card\" aria-labelledby=\"evidence\"><h2 id=\"evidence\">Evidence</h2>{curve}{Html.If(!curve.IsEmpty, () => Html.Of($"<p class=\"quiet\">Each line is one alarm, from where its evidence began to where it crossed the dashed line, the level at which it pages: the receiver's false-alarm budget gives it. What lies between the two ends is not recorded.</p>"))}{table}{where}</section>");
    }

    /// <summary>Which columns carry a change, in which values, and what it does to the answers.</summary>
    private static Html Where(ChangeSlice? slice, IReadOnlyList<ColumnMove> columns)
    {
        var cells = slice?.Cells.Select(c => Html.Of($"<tr><th scope=\"row\">{c.Text}</th><td class=\"number\">{c.Reference * 100:0.#} %</td><td class=\"number\">{c.Observed * 100:0.#} %</td></tr>"));
        var carried = Html.If(slice is not null, () => Html.Of(
            $"""
            <h3>Where the change is</h3>
            <p><strong>{string.Join(" and ", slice!.Columns)}</strong> {(slice.Columns.Count == 1 ? "carries" : "carry")} {slice.Carried * 100:0} % of what tells the rows since then from the reference.</p>
            <div class="wide"><table><thead><tr><th scope="col">rows where</th><th scope="col" class="number">usually</th><th scope="col" class="number">since</th></tr></thead><tbody>{cells!}</tbody></table></div>
            """));
        var asked = columns.Any(c => c.Impact is not null);
        var moved = Html.If(columns.Count > 0, () => Html.Of(
            $"""
            <h3>Columns by {(asked ? "impact" : "change")}</h3>
            <div class="wide"><table><thead><tr><th scope="col">column</th><th scope="col" class="number">change</th>{Html.If(asked, () => Html.Of($"<th scope=\"col\" class=\"number\">impact on the answer</th>"))}</tr></thead><tbody>{columns.Select(c => Html.Of($"<tr><th scope=\"row\">{c.Column}</th><td class=\"number\">{c.Change:0.00}</td>{Html.If(asked, () => Html.Of($"<td class=\"number\">{(c.Impact is { } impact ? impact.ToString("0.000", System.Globalization.CultureInfo.InvariantCulture) : "")}</td>"))}</tr>"))}</tbody></table></div>
            <p class="quiet">Change: the share of rows that would have to move to look as usual again; chance alone gives some hundredths.{(asked ? " Impact: how far the model's answer moves when this column alone changes so (probability moved, or standard deviations of the predicted number)." : " The model could not be asked how sensitive it is, so no impact is told.")}</p>
            """));
        return Html.Join([carried, moved]);
    }

    private static string Effect(string measure, double reference, double observed, double size) =>
        measure.Length == 0 ? "" : $"{measure} {Words.Number(size)}" + (reference == 0 && observed == 0 ? "" : $" ({Words.Number(reference)} → {Words.Number(observed)})");

    private static Html SamplesOf(IncidentView incident, IncidentPageData data)
    {
        if (data.Samples.Count == 0)
        {
            return incident.Details.SampleEventIds.Count == 0 ? Html.Empty
                : Html.Of($"<section class=\"card\" aria-labelledby=\"samples\"><h2 id=\"samples\">Inputs</h2><p class=\"quiet\">None of the {incident.Details.SampleEventIds.Count} sample events is pinned (yet): they are copied out of the log within seconds, or retention was faster.</p></section>");
        }

        var pictures = data.Samples.Where(s => s is { IsImage: true, Problem: "" }).Select(s => Html.Of(
            $"""
            <li><img src="/incidents/{Uri.EscapeDataString(incident.Id)}/samples/{Uri.EscapeDataString(s.EventId)}.png" width="112" height="112" loading="lazy" alt="Input of event {s.EventId}{(s.Answer.Length > 0 ? $", answered {s.Answer}" : "")}"><div class="said">{s.Answer}</div><div class="meta">{s.Time.ToString("ddd HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture)}{Html.If(s.Client.Length > 0, () => Html.Of($" · {Words.Id(s.Client)}"))}</div></li>
            """)).ToList();
        var rows = data.Samples.Where(s => s.Cells.Count > 0).ToList();
        var table = Html.Empty;
        if (rows.Count > 0)
        {
            // Features down, events across: a row of forty columns does not fit a phone, six events do.
            var head = rows.Select(r => Html.Of($"<th scope=\"col\">{r.Time.ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture)}</th>"));
            var answers = Html.If(rows.Any(r => r.Answer.Length > 0), () => Html.Of($"<tr><th scope=\"row\"><strong>answer</strong></th>{rows.Select(r => Html.Of($"<td><strong>{r.Answer}</strong></td>"))}</tr>"));
            var body = rows[0].Cells.Select((cell, i) => Html.Of($"<tr><th scope=\"row\">{cell.Name}</th>{rows.Select(r => Html.Of($"<td>{(i < r.Cells.Count ? r.Cells[i].Value : "")}</td>"))}</tr>"));
            table = Html.Of($"<div class=\"wide\"><table><thead><tr><th scope=\"col\">asked at</th>{head}</tr></thead><tbody>{answers}{body}</tbody></table></div>");
        }

        var problems = data.Samples.Where(s => s.Problem.Length > 0).Select(s => Html.Of($"<li><span class=\"id\">{s.EventId}</span>: {s.Problem}</li>")).ToList();
        return Html.Of(
            $"""
            <section class="card" aria-labelledby="samples"><h2 id="samples">Inputs</h2>
            {Html.If(pictures.Count > 0, () => Html.Of($"<ul class=\"samples\">{pictures}</ul>"))}
            {table}
            {Html.If(problems.Count > 0, () => Html.Of($"<ul class=\"quiet\">{problems}</ul>"))}
            <p class="quiet">{data.Detail.Evidence.Count} events are pinned with their SHA-256; looking at them is in the audit.</p></section>
            """);
    }

    private static Html Explained(IncidentView incident, IncidentPageData data)
    {
        var drawn = data.Explanations.Select(e => (Explanation: e, Bars: AttributionBars.Draw(e), IsImage: e.Attributions is { Shape.Count: 2 } && e.Features.Count == 0)).ToList();
        if (drawn.Count == 0)
        {
            return Html.Empty;
        }

        var pictures = drawn.Where(d => d.IsImage).Select(d => Html.Of(
            $"""
            <li><img src="/incidents/{Uri.EscapeDataString(incident.Id)}/explanations/{Uri.EscapeDataString(d.Explanation.Id)}.png" width="224" height="224" loading="lazy" alt="Parts of the image that spoke for {d.Explanation.Output} (red) and against it (blue)"><div class="said">{d.Explanation.Output} ({d.Explanation.Value * 100:0.#} %)</div><div class="meta">{d.Explanation.Method}</div></li>
            """)).ToList();
        return Html.Of($"<section class=\"card\" aria-labelledby=\"why\"><h2 id=\"why\">Why the model answered so</h2>{Html.If(pictures.Count > 0, () => Html.Of($"<p class=\"quiet\">Red spoke for the answer, blue against it.</p><ul class=\"samples\">{pictures}</ul>"))}{drawn.Select(d => d.Bars)}</section>");
    }

    private static Html Changes(IReadOnlyList<ChangeView> changes)
    {
        var rows = changes.Select(c => Html.Of($"<tr><td>{Words.Time(c.Time)}</td><td>{c.Kind}</td><td>{(IsWeb(c.Link) ? Html.Of($"<a href=\"{c.Link}\" rel=\"noreferrer\">{c.Summary}</a>") : Html.Of($"{c.Summary}"))}</td><td>{c.Author}</td></tr>"));
        return Html.Of($"<section class=\"card\" aria-labelledby=\"changes\"><h2 id=\"changes\">What changed near its start</h2>{(changes.Count == 0 ? Html.Of($"<p class=\"quiet\">No deployment, data job or switch was reported from a day before to an hour after. <code>POST /changes</code> reports one.</p>") : Html.Of($"<div class=\"wide\"><table><tbody>{rows}</tbody></table></div>"))}</section>");
    }

    private static Html Members(IReadOnlyList<MemberView> members) => Html.If(members.Count > 0, () => Html.Of(
        $"<section class=\"card\" aria-labelledby=\"members\"><h2 id=\"members\">{members.Count} models</h2><ul class=\"pills\">{members.Take(MaxMembers).Select(m => Html.Of($"<li><a class=\"pill\" href=\"/incidents/{Uri.EscapeDataString(m.Id)}\">{m.Model}</a></li>"))}</ul>{Html.If(members.Count > MaxMembers, () => Html.Of($"<p class=\"quiet\">and {members.Count - MaxMembers} more in <code>GET /api/incidents/…</code></p>"))}</section>"));

    private static Html Clients(HttpContext context, IncidentView incident)
    {
        var clients = incident.Details.Clients;
        if (clients.Count == 0)
        {
            return Html.Empty;
        }

        var reveal = Html.If(context.User.MayRespond(incident.Model) && !context.User.CameByLink(), () => Html.Of(
            $"""
            <details><summary>Reveal a name</summary><form method="post" action="/incidents/{Uri.EscapeDataString(incident.Id)}/reveal">{Layout.Token(context)}<label for="rc">Client</label><select id="rc" name="client">{clients.Take(MaxClients).Select(c => Html.Of($"<option value=\"{c}\">{(c.Length > 24 ? c[..24] + "…" : c)}</option>"))}</select><label for="rr">Why; kept in the audit</label><input id="rr" name="reason" required maxlength="2000"><button>Reveal</button></form></details>
            """));
        return Html.Of(
            $"""
            <section class="card" aria-labelledby="clients"><h2 id="clients">Clients</h2><ul class="list">{clients.Take(MaxClients).Select(c => Html.Of($"<li><span class=\"id\">{c}</span></li>"))}</ul>{Html.If(clients.Count > MaxClients, () => Html.Of($"<p class=\"quiet\">and {clients.Count - MaxClients} more</p>"))}{reveal}</section>
            """);
    }

    private static Html Notes(HttpContext context, IncidentView incident, IReadOnlyList<NoteView> notes)
    {
        var form = Html.If(context.User.MayRespond(incident.Model), () => Html.Of(
            $"<form method=\"post\" action=\"/incidents/{Uri.EscapeDataString(incident.Id)}/note\">{Layout.Token(context)}<label for=\"note\">Add a note</label><textarea id=\"note\" name=\"text\" required maxlength=\"10000\"></textarea><button>Add note</button></form>"));
        return notes.Count == 0 && form.IsEmpty ? Html.Empty
            : Html.Of($"<section class=\"card\" aria-labelledby=\"notes\"><h2 id=\"notes\">Notes</h2><ul class=\"list\">{notes.Select(n => Html.Of($"<li>{n.Text}<div class=\"meta\"><span>{n.Author}</span>{Words.Time(n.Time)}</div></li>"))}</ul>{form}</section>");
    }

    private static Html Timeline(IncidentView incident) => Html.Of(
        $"<section class=\"card\" aria-labelledby=\"timeline\"><h2 id=\"timeline\">Timeline</h2><ol class=\"timeline\">{incident.Details.Timeline.Select(t => Html.Of($"<li>{Words.Time(UnixNano.ToIso(t.TimeUnixNano))} <strong>{Words.State(t.Transition)}</strong> by {t.Actor}{Html.If(t.Text.Length > 0, () => Html.Of($"<br>{t.Text}"))}</li>"))}</ol></section>");

    private static Html Told(IReadOnlyList<NotificationView> notifications) => Html.If(notifications.Count > 0, () => Html.Of(
        $"<section class=\"card\" aria-labelledby=\"told\"><h2 id=\"told\">Who was told</h2><div class=\"wide\"><table><tbody>{notifications.Select(n => Html.Of($"<tr><td>{Words.Time(n.Finished ?? n.Created)}</td><td>{n.Receiver}</td><td>{Words.State(n.Transition)}</td><td>{n.State}{(n.Uncertain ? " (may have arrived twice)" : "")}{(n.Attempts > 1 ? $", {n.Attempts} tries" : "")}{(n.Detail.Length > 0 ? $": {n.Detail}" : "")}</td></tr>"))}</tbody></table></div></section>"));

    private static Html Findings(IReadOnlyList<Finding> findings) => Html.If(findings.Count > 0, () => Html.Of(
        $"""
        <section class="card" aria-labelledby="findings"><h2 id="findings">Findings</h2><div class="wide"><table><thead><tr><th scope="col">when</th><th scope="col">monitor</th><th scope="col">what</th><th scope="col" class="number">evidence</th></tr></thead><tbody>{findings.Take(20).Select(f => Html.Of($"<tr><td>{Words.Time(UnixNano.ToIso(f.TimeUnixNano))}</td><td>{f.Monitor}</td><td>{f.Summary}</td><td class=\"number\">{(double.IsFinite(f.LogEvidence) ? Words.Number(Math.Round(f.LogEvidence, 1)) : "")}</td></tr>"))}</tbody></table></div><p class="quiet">Again from the log: <code>monitoring search --finding {findings[0].Id}</code></p></section>
        """));

    private static Html AuditOf(IReadOnlyList<AuditView> audit) => Html.If(audit.Count > 0, () => Html.Of(
        $"<section class=\"card\" aria-labelledby=\"audit\"><h2 id=\"audit\">Audit</h2><div class=\"wide\"><table><tbody>{audit.Select(a => Html.Of($"<tr><td>{Words.Time(a.Time)}</td><td>{a.Actor}</td><td>{a.Action}</td><td>{a.Outcome}</td><td>{a.Detail}</td></tr>"))}</tbody></table></div></section>"));

    private static bool IsWeb(string link) => Uri.TryCreate(link, UriKind.Absolute, out var uri) && (uri.Scheme is "http" or "https");

    private static string Short(string sentence) => sentence.Length > 70 ? sentence[..69] + "…" : sentence;
}
