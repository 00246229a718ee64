using System.Globalization;
using Monitoring.Statistics;

namespace Monitoring.Quality.Reporting;

/// <summary>Broken data on the data's side: missing, infinite, absurd, out of the declared range, unseen categories, columns that stopped moving. Only what is no chance (two-proportion test, Holm) is told.</summary>
internal static class QualityComparison
{
    private const double Significance = 0.001;

    /// <summary>Share of rows from which a break is harm.</summary>
    private const double HarmfulShare = 0.05;

    private const double AbsurdRanges = 10;

    public static IReadOnlyList<QualityLine> Compare(IReadOnlyList<ReportVariable> variables)
    {
        var found = new List<(QualityLine Line, double P)>();
        foreach (var variable in variables.Where(v => v.Feature >= 0))
        {
            double[] reference = variable.Reference, data = variable.Data;
            Add(variable, "missing", double.IsNaN, "is missing in");
            if (variable.IsCategorical)
            {
                // What the reference saw once stands for what it has not seen (Good and Turing). A category of the schema that is new in the data is a change of shares, not broken.
                var once = reference.Where(double.IsFinite).GroupBy(v => v).Count(g => g.Count() == 1);
                AddShare(variable, "unseen", Math.Max(Share(reference, IsUnknown), once / (double)Math.Max(1, reference.Length)), Share(data, IsUnknown), "holds an unknown value in");
                bool IsUnknown(double v) => v < 0 || v >= variable.Categories!.Count;
            }
            else
            {
                Add(variable, "infinite", double.IsInfinity, "is infinite in");
                var finite = reference.Where(double.IsFinite).ToArray();
                double low = finite.Length == 0 ? double.NegativeInfinity : finite.Min(), high = finite.Length == 0 ? double.PositiveInfinity : finite.Max();
                if (variable.Schema is { } schema && (schema.Minimum is not null || schema.Maximum is not null))
                {
                    Add(variable, "range", v => v < schema.Minimum || v > schema.Maximum, string.Create(CultureInfo.InvariantCulture, $"is outside of the allowed [{schema.Minimum}, {schema.Maximum}] in"));
                }
                else if (finite.Length > 0)
                {
                    var range = high > low ? high - low : Math.Max(1, Math.Abs(high));
                    Add(variable, "range", v => double.IsFinite(v) && (v < low - (AbsurdRanges * range) || v > high + (AbsurdRanges * range)), string.Create(CultureInfo.InvariantCulture, $"is far outside of the reference's [{low:G5}, {high:G5}] in"));
                }

                if (data.Length >= 20 && high > low && finite.Length >= 20 && data.All(v => v == data[0]) && Share(reference, v => v == data[0]) < 0.5)
                {
                    found.Add((new QualityLine(variable.Name, "constant", Share(reference, v => v == data[0]), 1, ReportLevel.Harm, string.Create(CultureInfo.InvariantCulture, $"{variable.Name} is always {data[0]:G6}; it varies in the reference")), 0));
                }
            }

            void Add(ReportVariable v, string check, Func<double, bool> isBroken, string words) => AddShare(v, check, Share(reference, isBroken), Share(data, isBroken), words);

            void AddShare(ReportVariable v, string check, double before, double now, string words)
            {
                if (now > 0)
                {
                    double n = Math.Max(1, v.Reference.Length), m = Math.Max(1, v.Data.Length);
                    var pooled = ((before * n) + (now * m) + 1) / (n + m + 2);
                    var p = SpecialFunctions.NormalUpperTail((now - before) / Math.Sqrt(pooled * (1 - pooled) * ((1 / n) + (1 / m))));
                    var level = now - before >= HarmfulShare ? ReportLevel.Harm : ReportLevel.Change;
                    found.Add((new QualityLine(v.Name, check, before, now, level, string.Create(CultureInfo.InvariantCulture, $"{v.Name} {words} {now:P1} of the rows; reference {before:P1}")), p));
                }
            }
        }

        var adjusted = MultipleTesting.AdjustHolm([.. found.Select(f => f.P)]);
        return [.. found.Where((_, i) => adjusted[i] < Significance).Select(f => f.Line).OrderByDescending(l => l.Level).ThenByDescending(l => l.Data - l.Reference).ThenBy(l => l.Column, StringComparer.Ordinal)];
    }

    private static double Share(double[] values, Func<double, bool> isBroken) => values.Length == 0 ? 0 : values.Count(isBroken) / (double)values.Length;
}
