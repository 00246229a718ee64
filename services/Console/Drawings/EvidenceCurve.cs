using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Incidents;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Drawings;

/// <summary>
/// Evidence over time as the findings tell it, as SVG: each alarm is a line from where its evidence began (0) to where it crossed the level. Only
/// both ends are known; the line between them is drawn straight. Height is the share of the level, so that monitors can be compared.
/// </summary>
internal static class EvidenceCurve
{
    private const int Width = 640;
    private const int Height = 128;
    private const int Left = 8;
    private const int Bottom = 126;
    private const int Top = 12;

    /// <param name="findings">Findings of one incident.</param>
    public static Html Draw(IReadOnlyList<Finding> findings)
    {
        var alarms = findings.Where(f => double.IsFinite(f.LogEvidence) && f.LogEvidence > 0).OrderBy(f => f.TimeUnixNano).ToList();
        if (alarms.Count == 0)
        {
            return Html.Empty;
        }

        var from = alarms.Min(f => Math.Min(f.SinceUnixNano, f.TimeUnixNano));
        var to = alarms.Max(f => f.TimeUnixNano);
        var span = Math.Max(1, to - from);
        var highest = Math.Max(1.1, alarms.Max(Share));
        double X(long time) => Left + ((Width - (2.0 * Left)) * (time - from) / span);
        double Y(double share) => Bottom - ((Bottom - Top) * Math.Min(share, highest) / highest);

        var lines = alarms.Select(f => Html.Of(
            $"<path class=\"curve\" d=\"M{X(f.SinceUnixNano):0.#} {Y(0):0.#} L{X(f.TimeUnixNano):0.#} {Y(Share(f)):0.#}\"/><circle class=\"alarm\" cx=\"{X(f.TimeUnixNano):0.#}\" cy=\"{Y(Share(f)):0.#}\" r=\"3.5\"><title>{f.Monitor}: {Time(f.TimeUnixNano)}, evidence {f.LogEvidence:0.0} of {f.LogLevel:0.0}</title></circle>"));
        var label = $"Evidence of {alarms.Count} alarm{(alarms.Count == 1 ? "" : "s")} from {Time(from)} to {Time(to)}";
        return Html.Of(
            $"""
            <svg class="evidence" viewBox="0 0 {Width} {Height}" role="img" aria-label="{label}">
            <line class="axis" x1="{Left}" x2="{Width - Left}" y1="{Bottom}" y2="{Bottom}"/>
            <line class="level" x1="{Left}" x2="{Width - Left}" y1="{Y(1):0.#}" y2="{Y(1):0.#}"/>
            {lines}
            </svg>
            <div class="ends"><span>{Time(from)}</span><span>{Time(to)}</span></div>
            """);
    }

    /// <summary>A variable's evidence at each finding that names it, as a small curve; nothing where only one does.</summary>
    public static Html Small(IReadOnlyList<Finding> findings, string variable)
    {
        var points = findings
            .SelectMany(f => f.Contributions.Where(c => c.Variable == variable && double.IsFinite(c.LogEvidence)).Select(c => (f.SinceUnixNano, f.TimeUnixNano, c.LogEvidence)))
            .OrderBy(p => p.TimeUnixNano).ToList();
        if (points.Count == 0 || points.Max(p => p.LogEvidence) <= 0)
        {
            return Html.Empty;
        }

        var from = points.Min(p => Math.Min(p.SinceUnixNano, p.TimeUnixNano));
        var span = Math.Max(1, points[^1].TimeUnixNano - from);
        var highest = points.Max(p => p.LogEvidence);
        double X(long time) => 2 + (116.0 * (time - from) / span);
        double Y(double value) => 26 - (22 * Math.Clamp(value, 0, highest) / highest);
        var path = string.Concat(points.Select(p => string.Create(CultureInfo.InvariantCulture, $"M{X(p.SinceUnixNano):0.#} {Y(0):0.#}L{X(p.TimeUnixNano):0.#} {Y(p.LogEvidence):0.#}")));
        return Html.Of($"<svg class=\"spark\" viewBox=\"0 0 120 28\" role=\"img\" aria-label=\"evidence of {variable} over {points.Count} findings, up to {highest:0.0}\"><path class=\"curve\" d=\"{path}\"/></svg>");
    }

    private static double Share(Finding finding) => double.IsFinite(finding.LogLevel) && finding.LogLevel > 0 ? finding.LogEvidence / finding.LogLevel : 1;

    private static string Time(long unixNano) => UnixNano.ToTime(unixNano).ToString("ddd d MMM HH:mm", CultureInfo.InvariantCulture);
}
