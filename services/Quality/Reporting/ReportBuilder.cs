using System.Globalization;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>From two samples to what people should know about them. No options but what is promised: thresholds are levels of significance and smallest effects, stated on the page.</summary>
internal static class ReportBuilder
{
    private const int MostSlices = 6;

    /// <summary>Features beyond which the model is not asked for its sensitivity.</summary>
    private const int MostSensitive = 100;

    /// <param name="schema">Inputs.</param>
    /// <param name="classes">Names of the classes; empty when unknown.</param>
    /// <param name="reference">Clean rows.</param>
    /// <param name="data">Rows to judge.</param>
    /// <param name="model">Its name; null without a model.</param>
    /// <param name="predict">Runs rows through the model: probabilities or numbers, row-major; null without.</param>
    /// <param name="objective">What was promised; null when nothing was.</param>
    /// <param name="notes">What the reader of the files noticed.</param>
    public static ReportResult Build(
        ModelSchema schema,
        IReadOnlyList<string> classes,
        ReportSample reference,
        ReportSample data,
        string? model,
        Func<float[], int, float[]>? predict,
        ReportObjective? objective,
        IReadOnlyList<string> notes)
    {
        var variables = Variables(schema, classes, reference, data);
        var drift = DriftComparison.Judge([.. variables.Select(DriftComparison.Compare)]);
        if (predict is not null && schema.Image is null && schema.Width <= MostSensitive)
        {
            var impacts = ModelSensitivity.Impacts(schema, reference, data, predict, reference.Probabilities is not null);
            var byName = schema.Features.Select((f, i) => (f.Name, Impact: impacts[i])).ToDictionary(f => f.Name, f => f.Impact, StringComparer.Ordinal);
            drift = [.. drift.Select(d => d.IsInput && byName.TryGetValue(d.Name, out var impact) ? d with { Impact = d.Level == ReportLevel.Fine ? 0 : impact } : d)
                .OrderByDescending(d => d.Level).ThenByDescending(d => d.Impact ?? -1).ThenByDescending(d => d.Effect).ThenBy(d => d.Name, StringComparer.Ordinal)];
        }

        var performance = PerformanceComparison.Compare(reference, data, objective);
        var quality = QualityComparison.Compare(variables);
        var inputs = variables.Where(v => v.Feature >= 0 || schema.Image is not null).ToList();
        var changed = drift.Where(d => d.Level == ReportLevel.Change).OrderByDescending(d => d.Effect).Select(d => inputs.FindIndex(v => v.Name == d.Name)).Where(i => i >= 0).ToList();
        var finder = new SliceFinder(inputs);
        var found = finder.Find(changed);
        IReadOnlyList<ReportSlice> slices = found is { } carriers
            ? [.. finder.Slices(carriers.Indices, MostSlices).Select(s => s.Slice with { Performance = PerformanceComparison.Of(data, s.DataRows) })]
            : [];
        var headlines = Headlines(performance, quality, drift, found?.Carriers);
        return new ReportResult(
            headlines.Count == 0 ? ReportLevel.Fine : headlines.Max(h => h.Level),
            headlines,
            model,
            Side(reference, schema),
            Side(data, schema),
            performance,
            drift,
            found?.Carriers,
            slices,
            quality,
            notes);
    }

    private static List<ReportVariable> Variables(ModelSchema schema, IReadOnlyList<string> classes, ReportSample reference, ReportSample data)
    {
        var variables = new List<ReportVariable>();
        if (schema.Image is { } image)
        {
            var pixels = image.Height * image.Width;
            double[][] left = Statistics(reference, pixels, image.Width), right = Statistics(data, pixels, image.Width);
            variables.AddRange(ImageStatistics.Names.Select((name, i) => new ReportVariable(name, "", null, left[i], right[i], -1)));
        }
        else
        {
            for (var f = 0; f < schema.Features.Count; f++)
            {
                var feature = schema.Features[f];
                variables.Add(new ReportVariable(feature.Name, feature.Unit, feature.Type == FeatureType.Categorical ? feature.Categories : null, Column(reference, schema.Width, f), Column(data, schema.Width, f), f) { Schema = feature });
            }
        }

        if (reference.Classes is { } before && data.Classes is { } now)
        {
            var count = Math.Max(classes.Count, 1 + Math.Max(before.DefaultIfEmpty(0).Max(), now.DefaultIfEmpty(0).Max()));
            string[] names = [.. Enumerable.Range(0, count).Select(c => c < classes.Count ? classes[c] : c.ToString(CultureInfo.InvariantCulture))];
            variables.Add(new ReportVariable("prediction", "", names, [.. before.Select(c => c < 0 ? double.NaN : c)], [.. now.Select(c => c < 0 ? double.NaN : c)], -1));
        }

        if (reference.Probabilities is not null && data.Probabilities is not null && reference.ClassCount == data.ClassCount)
        {
            var name = reference.ClassCount == 2 ? $"probability of {(classes.Count == 2 ? classes[1] : "1")}" : "top probability";
            variables.Add(new ReportVariable(name, "", null, Scores(reference), Scores(data), -1));
        }

        if (reference.Values is { } numbers && data.Values is { } others)
        {
            variables.Add(new ReportVariable("prediction", "", null, numbers, others, -1));
        }

        return variables;
    }

    private static double[] Scores(ReportSample sample)
    {
        var scores = new double[sample.Rows];
        for (var r = 0; r < scores.Length; r++)
        {
            var best = sample.Classes![r];
            scores[r] = sample.ClassCount == 2 ? sample.Probability(r)[1] : best < 0 ? double.NaN : sample.Probability(r)[best];
        }

        return scores;
    }

    private static double[][] Statistics(ReportSample sample, int pixels, int width)
    {
        var values = ImageStatistics.Names.Select(_ => new double[sample.Rows]).ToArray();
        Span<double> statistics = stackalloc double[ImageStatistics.Names.Count];
        var stride = sample.Inputs.Length / Math.Max(1, sample.Rows);
        for (var r = 0; r < sample.Rows; r++)
        {
            ImageStatistics.Describe(sample.Inputs.AsSpan(r * stride, pixels), width, statistics);
            for (var i = 0; i < values.Length; i++)
            {
                values[i][r] = statistics[i];
            }
        }

        return values;
    }

    private static double[] Column(ReportSample sample, int width, int column)
    {
        var values = new double[sample.Rows];
        for (var r = 0; r < values.Length; r++)
        {
            values[r] = sample.Inputs[(r * width) + column];
        }

        return values;
    }

    private static ReportSide Side(ReportSample sample, ModelSchema schema)
    {
        var seen = new HashSet<ulong>();
        for (var r = 0; r < sample.Rows; r++)
        {
            seen.Add(Mixing.Hash(MemoryMarshal.AsBytes(sample.Inputs.AsSpan(r * schema.Width, schema.Width))));
        }

        return new ReportSide(sample.Name, sample.Rows, schema.Features.Count, sample.Rows == 0 ? 0 : 1 - ((double)seen.Count / sample.Rows));
    }

    private static List<ReportHeadline> Headlines(ReportPerformance? performance, IReadOnlyList<QualityLine> quality, IReadOnlyList<VariableDrift> drift, ReportCarriers? carriers)
    {
        var c = CultureInfo.InvariantCulture;
        var lines = new List<ReportHeadline>();
        foreach (var measure in performance?.Measures.Where(m => m.Level != ReportLevel.Fine) ?? [])
        {
            var what = performance!.IsEstimate ? $"Estimated {measure.Name}" : char.ToUpperInvariant(measure.Name[0]) + measure.Name[1..];
            var against = measure.Objective is { } threshold
                ? string.Create(c, $"; promised is {(measure.Data.HigherIsBetter ? "at least" : "at most")} {threshold:0.###}")
                : string.Create(c, $"; in the reference it is {measure.Reference?.Value:0.###}");
            lines.Add(new ReportHeadline(measure.Level, string.Create(c, $"{what} is {measure.Data.Value:0.###} ({measure.Data.Low:0.###} to {measure.Data.High:0.###}){against}.")));
        }

        lines.AddRange(quality.Take(3).Select(q => new ReportHeadline(q.Level, q.Text + ".")));
        if (quality.Count > 3)
        {
            lines.Add(new ReportHeadline(quality[3].Level, string.Create(c, $"{quality.Count - 3} more checks of the data fail.")));
        }

        var changed = drift.Where(d => d.Level == ReportLevel.Change).ToList();
        if (changed.Count > 0)
        {
            lines.Add(new ReportHeadline(ReportLevel.Change, string.Create(c, $"{changed.Count} of {drift.Count} variables changed; the strongest {(changed.Count == 1 ? "is" : "are")} {string.Join(", ", changed.Take(3).Select(d => d.Name))}.")));
        }

        if (carriers is not null)
        {
            lines.Add(new ReportHeadline(ReportLevel.Change, string.Create(c, $"{string.Join(" and ", carriers.Features)} {(carriers.Features.Count == 1 ? "carries" : "carry")} {carriers.Share:P0} of what tells the two apart.")));
        }

        return [.. lines.OrderByDescending(l => l.Level)];
    }
}
