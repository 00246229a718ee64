using System.Globalization;
using System.Net;
using System.Text;

namespace Monitoring.Explainer;

/// <summary>Attributions of a tabular row as an SVG of horizontal bars, the largest first.</summary>
internal static class BarChart
{
    private const int RowHeight = 24;
    private const int NameWidth = 220;
    private const int BarWidth = 320;

    /// <param name="names">Name and value of each feature, as people say them.</param>
    /// <param name="values">Attribution of each.</param>
    /// <param name="title">Heading.</param>
    /// <param name="most">Bars drawn at most; the rest is summed up in one.</param>
    public static string Render(IReadOnlyList<string> names, IReadOnlyList<double> values, string title, int most = 12)
    {
        if (names.Count != values.Count)
        {
            throw new ArgumentException($"{names.Count} names, {values.Count} values", nameof(names));
        }

        var bars = names.Zip(values).OrderByDescending(b => Math.Abs(b.Second)).ToList();
        if (bars.Count > most)
        {
            var rest = bars.Skip(most - 1).ToList();
            bars = [.. bars.Take(most - 1), ($"{rest.Count} others", rest.Sum(b => b.Second))];
        }

        var full = bars.Count == 0 ? 0 : bars.Max(b => Math.Abs(b.Second));
        var height = ((bars.Count + 1) * RowHeight) + 16;
        const int middle = NameWidth + (BarWidth / 2);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {NameWidth + BarWidth + 80} {height}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"{WebUtility.HtmlEncode(title)}\">");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"8\" y=\"18\" font-weight=\"bold\">{WebUtility.HtmlEncode(title)}</text>");
        for (var i = 0; i < bars.Count; i++)
        {
            var (name, value) = bars[i];
            var y = (i + 1) * RowHeight;
            var length = full > 0 ? Math.Abs(value) / full * (BarWidth / 2) : 0;
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{NameWidth - 8}\" y=\"{y + 16}\" text-anchor=\"end\">{WebUtility.HtmlEncode(name)}</text>");
            svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{(value >= 0 ? middle : middle - length):F1}\" y=\"{y + 3}\" width=\"{length:F1}\" height=\"{RowHeight - 6}\" fill=\"{(value >= 0 ? "#d61e1e" : "#3c3cd6")}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{NameWidth + BarWidth + 8}\" y=\"{y + 16}\">{value:+0.####;-0.####;0}</text>");
        }

        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{middle}\" x2=\"{middle}\" y1=\"{RowHeight}\" y2=\"{height - 8}\" stroke=\"#888\"/></svg>");
        return svg.ToString();
    }
}
