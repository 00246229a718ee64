using System.Globalization;
using Microsoft.AspNetCore.Http;
using Monitoring.Incidents;
using Monitoring.WebConsole.Access;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>Rows worth a label and a field for each; rows left empty are left alone.</summary>
internal static class ReviewPage
{
    /// <summary>Beyond, a list is longer than writing the name.</summary>
    private const int MaxListed = 100;

    public static IResult Of(HttpContext context, ReviewPageData data)
    {
        var model = Uri.EscapeDataString(data.Model);
        var mayAnswer = context.User.MayRespond(data.Model);
        var pictures = data.Rows.Select((row, i) => (row, i)).Where(r => r.row.Sample.IsImage).ToList();
        var others = data.Rows.Select((row, i) => (row, i)).Where(r => !r.row.Sample.IsImage).ToList();
        var items = Html.Of($"{Html.If(pictures.Count > 0, () => Pictures(model, pictures, mayAnswer))}{Html.If(others.Count > 0, () => Table(others, mayAnswer))}");
        var form = data.Rows.Count == 0 ? Html.Of($"<p>No row of the {data.Range.Title} waits for a label.</p>")
            : mayAnswer ? Html.Of($"<form method=\"post\" action=\"/models/{model}/review\">{Layout.Token(context)}<input type=\"hidden\" name=\"range\" value=\"{data.Range.Name}\">{items}<button class=\"main\">Save the answers</button></form>")
            : items;
        var ranges = ReviewRange.All.Select(r => r == data.Range
            ? Html.Of($"<li><a class=\"pill\" aria-current=\"page\" href=\"/models/{model}/review?range={r.Name}\">{r.Title}</a></li>")
            : Html.Of($"<li><a class=\"pill\" href=\"/models/{model}/review?range={r.Name}\">{r.Title}</a></li>"));
        var looked = data.Selection.Unlabelled + data.Selection.Labelled;
        return Layout.Page(
            context,
            $"Labels of {data.Model}",
            "/models",
            Html.Of(
                $"""
                <p class="crumb"><a href="/models">Models</a> / <a href="/models/{model}">{data.Model}</a></p>
                <h1>Rows worth a label</h1>
                {Html.If(data.Done.Length > 0, () => Html.Of($"<p class=\"notice\" role=\"status\">{data.Done}</p>"))}
                <ul class="filters">{ranges}</ul>
                <section class="card" aria-labelledby="rows"><h2 id="rows">What is true?</h2>{form}</section>
                <p class="quiet">Chosen from {Words.Count(looked)} rows{(data.Selection.Truncated ? ", the newest of the range" : "")}, of which {Words.Count(data.Selection.Labelled)} have a label: a quarter each flagged by a finding, outlying, least certain, and drawn at random. Looking at them is in the audit.</p>
                <p>{Html.If(data.Rows.Count > 0, () => Html.Of($"<a href=\"/models/{model}/review?range={data.Range.Name}&amp;page={data.Number + 1}\">More rows</a> · "))}<a href="/models/{model}/review.csv?range={data.Range.Name}">As CSV</a></p>
                """));
    }

    private static Html Pictures(string model, IReadOnlyList<(ReviewItem Item, int Index)> rows, bool mayAnswer) => Html.Of(
        $"""
        <ul class="samples">{rows.Select(r => Html.Of(
            $"""
            <li>{(r.Item.Sample.Problem.Length > 0 ? Html.Of($"<p class=\"quiet\">{r.Item.Sample.Problem}</p>") : Html.Of($"<img src=\"/models/{model}/review/{r.Item.Row.Position.ToString()}-{r.Item.Row.Row}.png\" width=\"112\" height=\"112\" loading=\"lazy\" alt=\"Input of event {r.Item.Row.EventId}, row {r.Item.Row.Row}\">"))}<div class="said">{r.Item.Sample.Answer}</div><div class="meta">{r.Item.Row.Reason} · {Words.Time(UnixNano.ToIso(r.Item.Row.TimeUnixNano))}</div>{Html.If(mayAnswer, () => Field(r.Item, r.Index))}</li>
            """))}</ul>
        """);

    /// <summary>Features down, rows across, as on an incident's page.</summary>
    private static Html Table(IReadOnlyList<(ReviewItem Item, int Index)> rows, bool mayAnswer)
    {
        var names = rows.MaxBy(r => r.Item.Sample.Cells.Count).Item.Sample.Cells.Select(c => c.Name).ToList();
        return Html.Of(
            $"""
            <div class="wide"><table>
            <thead><tr><th scope="col">asked at</th>{rows.Select(r => Html.Of($"<th scope=\"col\">{Words.Time(UnixNano.ToIso(r.Item.Row.TimeUnixNano))}</th>"))}</tr></thead>
            <tbody>
            <tr><th scope="row">why</th>{rows.Select(r => Html.Of($"<td>{r.Item.Row.Reason}</td>"))}</tr>
            <tr><th scope="row"><strong>answer</strong></th>{rows.Select(r => Html.Of($"<td><strong>{r.Item.Sample.Answer}</strong>{Html.If(r.Item.Sample.Problem.Length > 0, () => Html.Of($"<div class=\"quiet\">{r.Item.Sample.Problem}</div>"))}</td>"))}</tr>
            {Html.If(mayAnswer, () => Html.Of($"<tr><th scope=\"row\">truth</th>{rows.Select(r => Html.Of($"<td>{Field(r.Item, r.Index)}</td>"))}</tr>"))}
            {names.Select((name, c) => Html.Of($"<tr><th scope=\"row\">{name}</th>{rows.Select(r => Html.Of($"<td>{(c < r.Item.Sample.Cells.Count ? r.Item.Sample.Cells[c].Value : "")}</td>"))}</tr>"))}
            </tbody></table></div>
            """);
    }

    private static Html Field(ReviewItem item, int index)
    {
        var row = item.Row;
        var said = item.Classes switch
        {
            null => Html.Of($"<input type=\"hidden\" name=\"kind{index}\" value=\"number\"><input id=\"answer{index}\" name=\"answer{index}\" type=\"number\" step=\"any\">"),
            { Count: > 0 and <= MaxListed } classes => Html.Of($"<select id=\"answer{index}\" name=\"answer{index}\"><option value=\"\">–</option>{classes.Select(c => Html.Of($"<option>{c}</option>"))}</select>"),
            _ => Html.Of($"<input id=\"answer{index}\" name=\"answer{index}\" maxlength=\"2000\">"),
        };
        return Html.Of(
            $"""
            <input type="hidden" name="position{index}" value="{row.Position.ToString()}"><input type="hidden" name="event{index}" value="{row.EventId}"><input type="hidden" name="row{index}" value="{row.Row.ToString(CultureInfo.InvariantCulture)}"><label for="answer{index}">It is</label>{said}
            """);
    }
}
