using System.Globalization;
using System.Text;
using Monitoring.Incidents;
using Monitoring.WebConsole.Markup;
using Monitoring.WebConsole.Pages;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole.Drawings;

/// <summary>A feature's mean over time, with a dashed line where the incident began.</summary>
internal static class ValueCurve
{
    public static Html Draw(string name, FeatureCurve curve)
    {
        var known = curve.Means.Where(double.IsFinite).ToList();
        var low = known.Min();
        var high = known.Max();
        var range = high > low ? high - low : 1;
        double X(int i) => 2 + (236.0 * (i + 0.5) / curve.Means.Count);
        double Y(double value) => 52 - (46 * (value - low) / range);
        var path = new StringBuilder();
        var open = false;
        for (var i = 0; i < curve.Means.Count; i++)
        {
            if (double.IsFinite(curve.Means[i]))
            {
                path.Append(CultureInfo.InvariantCulture, $"{(open ? 'L' : 'M')}{X(i):0.#} {Y(curve.Means[i]):0.#}");
                open = true;
            }
        }

        var since = 2 + (236.0 * (curve.SinceUnixNano - curve.FromUnixNano) / Math.Max(1, curve.ToUnixNano - curve.FromUnixNano));
        return Html.Of(
            $"""
            <svg class="values" viewBox="0 0 240 58" role="img" aria-label="mean of {name} between {Words.Number(low)} and {Words.Number(high)}, from {UnixNano.ToIso(curve.FromUnixNano)} to {UnixNano.ToIso(curve.ToUnixNano)}"><line class="since" x1="{since:0.#}" x2="{since:0.#}" y1="2" y2="56"/><path class="value" d="{path.ToString()}"/></svg>
            """);
    }
}
