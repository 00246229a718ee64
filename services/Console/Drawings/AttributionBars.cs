using Monitoring.Contracts;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Drawings;

/// <summary>Attributions of a row as bars, the largest first: to the right for the answer, to the left against it.</summary>
internal static class AttributionBars
{
    private const int Most = 10;

    /// <returns>Nothing where the explanation names no features.</returns>
    public static Html Draw(Explanation explanation)
    {
        if (explanation.Features.Count == 0 || explanation.Attributions is not { Datatype: "FP32" } tensor || tensor.Data.Length != explanation.Features.Count * sizeof(float))
        {
            return Html.Empty;
        }

        var bars = explanation.Features
            .Select((name, i) => (Name: name, Value: BitConverter.ToSingle(tensor.Data.Span[(i * sizeof(float))..])))
            .Where(b => float.IsFinite(b.Value))
            .OrderByDescending(b => Math.Abs(b.Value)).Take(Most).ToList();
        var full = bars.Count == 0 ? 0 : bars.Max(b => Math.Abs(b.Value));
        var rows = bars.Select(b =>
        {
            var length = full > 0 ? 100 * Math.Abs(b.Value) / full : 0;
            return Html.Of(
                $"""
                <tr><th scope="row">{b.Name}</th><td><svg class="bar" viewBox="0 0 200 14" aria-hidden="true"><line class="axis" x1="100" x2="100" y1="0" y2="14"/><rect class="{(b.Value >= 0 ? "for" : "against")}" x="{(b.Value >= 0 ? 100 : 100 - length):0.#}" y="2" width="{length:0.#}" height="10"/></svg></td><td class="number">{b.Value:+0.###;-0.###;0}</td></tr>
                """);
        });
        return Html.Of($"<table class=\"bars\"><caption>What spoke for “{explanation.Output}” ({explanation.Value:0.###}, usually {explanation.Base:0.###})</caption><tbody>{rows}</tbody></table>");
    }
}
