using System.Globalization;
using System.Net;
using System.Text;
using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>The report as one HTML page: no script, no request to anywhere, light and dark, phone and paper.</summary>
internal sealed class ReportPage
{
    private const int ShownInFull = 12;
    private readonly StringBuilder _html = new();
    private readonly ReportResult _result;

    private ReportPage(ReportResult result) => _result = result;

    public static string Write(ReportResult result)
    {
        var page = new ReportPage(result);
        page.Document();
        return page._html.ToString();
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static string Number(double value, string format = "0.###") =>
        double.IsNaN(value) ? "–"
        : double.IsInfinity(value) ? value > 0 ? "∞" : "−∞"
        : value != 0 && (Math.Abs(value) < 0.001 || Math.Abs(value) >= 1e6) && format == "0.###" ? value.ToString("G3", CultureInfo.InvariantCulture)
        : value.ToString(format, CultureInfo.InvariantCulture);

    private static string Percent(double share) => double.IsNaN(share) ? "–" : share is > 0 and < 0.001 ? "<0.1 %" : (100 * share).ToString(share < 0.1 ? "0.#" : "0", CultureInfo.InvariantCulture) + " %";

    private static string P(double p) => p < 1e-4 ? "p < 0.0001" : "p = " + p.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Class(ReportLevel level) => level.ToString().ToLowerInvariant();

    private static string Badge(ReportLevel level) => $"<span class=\"badge {Class(level)}\">{level switch { ReportLevel.Harm => "✕ harm", ReportLevel.Change => "▲ change", _ => "✓ as usual" }}</span>";

    private void Line(string html) => _html.Append(html).Append('\n');

    private void Document()
    {
        var title = $"{_result.Data.Name} against {_result.Reference.Name}";
        Line("<!doctype html>");
        Line("<html lang=\"en\"><head><meta charset=\"utf-8\">");
        Line("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
        Line("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">");
        Line($"<title>{Text(title)}</title><style>{ReportStyle.Css}</style></head><body><main>");
        Header();
        Performance();
        Quality();
        Drift();
        Slices();
        Method();
        Line("</main></body></html>");
    }

    private void Header()
    {
        var verdict = _result.Verdict switch
        {
            ReportLevel.Harm => "Harm: act on it",
            ReportLevel.Change => "Changed: look at it",
            _ => "As usual",
        };
        Line($"<header class=\"{Class(_result.Verdict)}\"><p class=\"eyebrow\">Monitoring report{(_result.Model is { } model ? " · " + Text(model) : "")}</p>");
        Line($"<h1>{verdict}</h1><p class=\"what\"><b class=\"d\">{Text(_result.Data.Name)}</b> <span>against</span> <b class=\"r\">{Text(_result.Reference.Name)}</b></p>");
        if (_result.Headlines.Count > 0)
        {
            Line("<ul class=\"headlines\">");
            foreach (var headline in _result.Headlines)
            {
                Line($"<li class=\"{Class(headline.Level)}\">{Text(headline.Text)}</li>");
            }

            Line("</ul>");
        }
        else
        {
            Line("<p>No variable moved beyond chance and tolerance, no check of the data fails" + (_result.Performance is null ? "." : ", and performance is what it was.") + "</p>");
        }

        Line("</header><section class=\"tiles\">");
        Tile(_result.Data.Rows.ToString("N0", CultureInfo.InvariantCulture), "rows", $"reference {_result.Reference.Rows.ToString("N0", CultureInfo.InvariantCulture)}");
        Tile($"{_result.Drift.Count(d => d.Level == ReportLevel.Change)} / {_result.Drift.Count}", "variables changed", $"{_result.Data.Columns} {(_result.Data.Columns == 1 ? "feature" : "features")}");
        Tile(_result.Quality.Count.ToString(CultureInfo.InvariantCulture), "checks of the data fail", "missing, range, categories, constant");
        Tile(Percent(_result.Data.DuplicateShare), "exact duplicates", $"reference {Percent(_result.Reference.DuplicateShare)}");
        Line("</section>");

        void Tile(string number, string what, string small) => Line($"<div class=\"tile\"><b>{Text(number)}</b><span>{Text(what)}</span><small>{Text(small)}</small></div>");
    }

    private void Performance()
    {
        Line("<section><h2>Performance</h2>");
        if (_result.Performance is not { } performance)
        {
            Line("<p class=\"muted\">Not known: there are no predictions with labels, and no confidence that labels of the reference could calibrate. Give <code>--labels</code>, or columns <code>prediction</code>, <code>score</code> and <code>label</code>.</p></section>");
            return;
        }

        Line(performance.IsEstimate
            ? "<p class=\"muted\">Estimated before labels come: the model's confidence, calibrated on the reference's labels, over the rows of the data. Blind to a change of what the right answer is.</p>"
            : "<p class=\"muted\">Against true labels. Bars are 95 % intervals.</p>");
        Line("<div class=\"measures\">");
        foreach (var measure in performance.Measures)
        {
            Line($"<div class=\"measure\"><div class=\"name\">{Text(measure.Name)} {(measure.Level == ReportLevel.Fine ? "" : Badge(measure.Level))}</div>");
            Line($"<div class=\"value\"><b>{Number(measure.Data.Value)}</b> <small>{Number(measure.Data.Low)} to {Number(measure.Data.High)}</small></div>{Intervals(measure)}");
            Line($"<div class=\"beside\">{(measure.Reference is { } reference ? $"reference {Number(reference.Value)}" : "no labels in the reference")}{(measure.Objective is { } objective ? $" · promised {(measure.Data.HigherIsBetter ? "≥" : "≤")} {Number(objective)}" : "")} · {measure.Data.Rows.ToString("N0", CultureInfo.InvariantCulture)} rows</div></div>");
        }

        Line("</div></section>");
    }

    /// <summary>Both intervals and the promise on one scale.</summary>
    private static string Intervals(ReportMeasure measure)
    {
        double[] points = [measure.Data.Low, measure.Data.High, measure.Reference?.Low ?? double.NaN, measure.Reference?.High ?? double.NaN, measure.Objective ?? double.NaN, measure.Data.Value];
        var finite = points.Where(double.IsFinite).ToList();
        double low = finite.Min(), high = finite.Max(), pad = Math.Max((high - low) * 0.12, 1e-9);
        (low, high) = (low - pad, high + pad);
        string X(double value) => (300 * (value - low) / (high - low)).ToString("0.#", CultureInfo.InvariantCulture);
        var svg = new StringBuilder($"<svg class=\"interval\" viewBox=\"0 0 300 34\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{Text(measure.Name)}: data {Number(measure.Data.Value)}\">");
        if (measure.Objective is { } objective)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"goal\" x1=\"{X(objective)}\" x2=\"{X(objective)}\" y1=\"0\" y2=\"34\"/>");
        }

        if (measure.Reference is { } reference)
        {
            Bar(reference, 10, "r");
        }

        Bar(measure.Data, 24, "d");
        return svg.Append("</svg>").ToString();

        void Bar(MeasureInterval interval, int y, string side)
        {
            if (double.IsFinite(interval.Low) && double.IsFinite(interval.High))
            {
                svg.Append(CultureInfo.InvariantCulture, $"<line class=\"{side}\" x1=\"{X(interval.Low)}\" x2=\"{X(interval.High)}\" y1=\"{y}\" y2=\"{y}\"/>");
            }

            svg.Append(CultureInfo.InvariantCulture, $"<line class=\"{side} dot\" x1=\"{X(interval.Value)}\" x2=\"{X(interval.Value)}\" y1=\"{y - 5}\" y2=\"{y + 5}\"/>");
        }
    }

    private void Quality()
    {
        Line("<section><h2>Data quality</h2>");
        if (_result.Quality.Count == 0)
        {
            Line("<p class=\"muted\">Every check holds: nothing is missing, infinite, out of range, unseen or standing still more often than in the reference.</p></section>");
            return;
        }

        Line("<ul class=\"checks\">");
        foreach (var line in _result.Quality)
        {
            Line($"<li>{Badge(line.Level)} {Text(line.Text)}</li>");
        }

        Line("</ul></section>");
    }

    private void Drift()
    {
        var changed = _result.Drift.Where(d => d.Level == ReportLevel.Change).ToList();
        var shown = changed.Take(ShownInFull).ToList();
        var impact = _result.Drift.Any(d => d.Impact is not null);
        Line($"<section><h2>What moved</h2><p class=\"legend\"><i class=\"r\"></i> reference <i class=\"d\"></i> data{(impact ? " · ordered by impact on the model's answer" : " · ordered by effect")}</p>");
        if (shown.Count == 0)
        {
            Line("<p class=\"muted\">Nothing beyond chance and tolerance.</p>");
        }

        var strongest = Math.Max(1e-12, _result.Drift.Max(d => d.Impact ?? 0));
        Line("<div class=\"cards\">");
        foreach (var drift in shown)
        {
            Line($"<article class=\"card\"><h3>{Text(drift.Name)}{(drift.Unit.Length > 0 ? $" <small>{Text(drift.Unit)}</small>" : "")}{(drift.IsInput ? "" : " <small>output</small>")}</h3>");
            Meter("effect", drift.Effect, Percent(drift.Effect), "share of the rows that moved, net of chance");
            if (drift.Impact is { } value)
            {
                Meter("impact", value / strongest, Number(value), "mean change of the model's answer by this variable alone");
            }

            Line(Chart(drift));
            Line($"<p class=\"facts\">{Facts(drift)}</p></article>");
        }

        Line("</div>");
        var rest = _result.Drift.Where(d => !shown.Contains(d)).ToList();
        if (rest.Count > 0)
        {
            Line($"<details><summary>{rest.Count} {(changed.Count > shown.Count ? "more variables" : "variables as usual")}</summary><div class=\"scroll\"><table><thead><tr><th>variable</th><th>effect</th><th>reference</th><th>data</th><th>p, adjusted</th></tr></thead><tbody>");
            foreach (var drift in rest.Take(500))
            {
                Line($"<tr><td>{Text(drift.Name)}</td><td>{Percent(drift.Effect)}</td><td>{Number(drift.ReferenceMean)}</td><td>{Number(drift.DataMean)}</td><td>{Number(drift.Adjusted, "0.####")}</td></tr>");
            }

            Line("</tbody></table></div></details>");
        }

        Line("</section>");

        void Meter(string name, double share, string text, string title) =>
            Line($"<div class=\"meter\" title=\"{title}\"><span>{name}</span><div><i style=\"width:{(100 * Math.Clamp(share, 0, 1)).ToString("0.#", CultureInfo.InvariantCulture)}%\"></i></div><b>{Text(text)}</b></div>");
    }

    private static string Facts(VariableDrift drift) => drift.IsCategorical
        ? $"{Text(drift.Test)}, {P(drift.Adjusted)}"
        : $"mean {Number(drift.ReferenceMean, "G4")} → {Number(drift.DataMean, "G4")}{(double.IsFinite(drift.ShiftSd) ? $" ({(drift.ShiftSd > 0 ? "+" : "")}{Number(drift.ShiftSd, "0.##")} sd)" : "")} · {Text(drift.Test)}, {P(drift.Adjusted)}";

    private static string Chart(VariableDrift drift)
    {
        var distribution = drift.Distribution;
        var top = Math.Max(1e-9, distribution.Reference.Concat(distribution.Data).Max());
        if (distribution.Labels is { } labels)
        {
            // The sum of the others may be longer than the scale: it is no category.
            top = labels.Count > 1 && labels[^1].EndsWith(" others", StringComparison.Ordinal) ? Math.Max(1e-9, distribution.Reference[..^1].Concat(distribution.Data[..^1]).Max()) : top;
            var rows = new StringBuilder("<div class=\"bars\">");
            for (var i = 0; i < labels.Count; i++)
            {
                rows.Append(CultureInfo.InvariantCulture, $"<span>{Text(labels[i])}</span><div><i class=\"r\" style=\"width:{Math.Min(100, 100 * distribution.Reference[i] / top):0.#}%\"></i><i class=\"d\" style=\"width:{Math.Min(100, 100 * distribution.Data[i] / top):0.#}%\"></i></div><small>{Percent(distribution.Reference[i])} → {Percent(distribution.Data[i])}</small>");
            }

            return rows.Append("</div>").ToString();
        }

        var edges = distribution.Edges!;
        var svg = new StringBuilder($"<svg class=\"histogram\" viewBox=\"0 0 300 90\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"distribution of {Text(drift.Name)} in reference and data\">");
        svg.Append(CultureInfo.InvariantCulture, $"<path class=\"r\" d=\"{Steps(distribution.Reference)}\"/><path class=\"d\" d=\"{Steps(distribution.Data)}\"/></svg>");
        svg.Append(CultureInfo.InvariantCulture, $"<div class=\"axis\"><span>{Number(edges[0], "G4")}</span><span>{Number((edges[0] + edges[^1]) / 2, "G4")}</span><span>{Number(edges[^1], "G4")}</span></div>");
        return svg.ToString();

        string Steps(double[] shares)
        {
            var path = new StringBuilder("M0 90");
            for (var i = 0; i < shares.Length; i++)
            {
                path.Append(CultureInfo.InvariantCulture, $"V{90 - (86 * shares[i] / top):0.#}H{300.0 * (i + 1) / shares.Length:0.#}");
            }

            return path.Append("V90Z").ToString();
        }
    }

    private void Slices()
    {
        if (_result.Carriers is not { } carriers)
        {
            return;
        }

        Line($"<section><h2>Where it moved</h2><p>By <b>{string.Join("</b> and <b>", carriers.Features.Select(Text))}</b> alone a row of the data is told from one of the reference in {Percent(carriers.Auroc)} of the pairs (50 % is chance); all variables together reach {Percent(carriers.AllAuroc)}. {(carriers.Features.Count == 1 ? "It carries" : "They carry")} {Percent(carriers.Share)} of the change.</p><div class=\"slices\">");
        var top = Math.Max(1e-9, _result.Slices.Max(s => Math.Max(s.Reference.Value, s.Data.Value)));
        foreach (var slice in _result.Slices)
        {
            var factor = slice.Reference.Value > 0 ? slice.Data.Value / slice.Reference.Value : double.PositiveInfinity;
            var change = double.IsInfinity(factor) ? "new" : factor >= 1 ? $"× {Number(factor, "0.#")}" : slice.Data.Value == 0 ? "gone" : $"÷ {Number(1 / factor, "0.#")}";
            Line($"<div class=\"slice\"><div class=\"name\">{Text(slice.Condition)} <small>{change}</small></div><div class=\"pair\"><i class=\"r\" style=\"width:{(100 * slice.Reference.Value / top).ToString("0.#", CultureInfo.InvariantCulture)}%\"></i><i class=\"d\" style=\"width:{(100 * slice.Data.Value / top).ToString("0.#", CultureInfo.InvariantCulture)}%\"></i></div>");
            Line($"<div class=\"beside\">{Percent(slice.Reference.Value)} → {Percent(slice.Data.Value)} of the rows{(slice.Performance is { } p ? $" · {Text(p.Name)} {Number(p.Value)} ({Number(p.Low)} to {Number(p.High)})" : "")}</div></div>");
        }

        Line("</div></section>");
    }

    private void Method()
    {
        Line("<section><details><summary>How to read this</summary><div class=\"method\">");
        Line($"<p><b>Effect</b> is the share of the rows that would have to move to turn one distribution into the other, less what chance moves: Kolmogorov–Smirnov distance of numbers, total variation of categories. A variable counts as changed when its p-value, adjusted over all variables (Benjamini–Hochberg), is below {Number(DriftComparison.Significance)} and its effect is at least {Percent(DriftComparison.SmallestEffect)}.</p>");
        Line("<p><b>Impact</b> sends reference rows through the model as they are and once more with one variable moved to the data's distribution, as little as possible: the mean change of the answer (total variation of the probabilities, or standard deviations of the number).</p>");
        Line("<p><b>Intervals</b> are 95 % and take rows as independent: Wilson for shares, DeLong for AUROC, bootstrap for F1 and calibration error. Estimates simulate labels from calibrated confidence; they hold sampling and calibration, not a change of the truth itself.</p>");
        Line("<p><b>Harm</b> is performance whose whole interval breaks the promise (or, where nothing was promised, a fall beyond 99 % chance and tolerance), and data broken in at least 5 % more of the rows than in the reference. Everything else that is no chance is a change.</p>");
        foreach (var note in _result.Notes)
        {
            Line($"<p>{Text(note)}.</p>");
        }

        Line("</div></details></section>");
    }
}
