using System.Globalization;
using System.Text.Json;

namespace Monitoring.Extraction.Tests;

/// <summary>The published baseline against the authors' code (golden/prada.json).</summary>
public sealed class PradaTests
{
    [Theory]
    [InlineData("benign")]
    [InlineData("attack")]
    public void Distances_thresholds_and_verdicts_equal_the_authors_code(string which)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "prada.json")));
        var root = document.RootElement;
        var benign = Queries(root.GetProperty("benign_queries_400"), root.GetProperty("benign_classes"));
        var attack = Queries(root.GetProperty("attack_queries_400_first_200_are_benign_0_199"), root.GetProperty("attack_classes"));
        var queries = which == "benign" ? benign : [.. benign.Take(200).Zip(ClassesOf(root).Take(200), (q, c) => (q.Query, c)), .. attack];
        var expected = root.GetProperty("results").GetProperty(which);
        var detector = new PradaDetector();
        int? first = null;
        for (var i = 0; i < queries.Count; i++)
        {
            detector.Add(queries[i].Query, queries[i].Class);
            first ??= detector.IsAttack ? i : null;
        }

        var w = expected.GetProperty("shapiro_W").EnumerateArray().Select(v => v.GetDouble()).ToArray();
        Assert.Equal(w.Length, detector.History.Count);
        for (var i = 0; i < w.Length; i++)
        {
            Assert.Equal(w[i], detector.History[i], 1e-6);
        }

        Assert.Equal(expected.GetProperty("growing_set_size").GetInt32(), detector.StoredQueries);
        foreach (var threshold in expected.GetProperty("threshold").EnumerateObject())
        {
            Assert.Equal(threshold.Value.GetDouble(), detector.ThresholdOf(int.Parse(threshold.Name, CultureInfo.InvariantCulture)), 1e-9);
        }

        Assert.Equal(expected.GetProperty("attacker_present_first").ValueKind == JsonValueKind.Null ? null : expected.GetProperty("attacker_present_first").GetInt32(), first);
    }

    private static IEnumerable<int> ClassesOf(JsonElement root) => root.GetProperty("attack_classes").GetArrayLength() == 400
        ? root.GetProperty("attack_classes").EnumerateArray().Select(c => c.GetInt32())
        : root.GetProperty("benign_classes").EnumerateArray().Select(c => c.GetInt32());

    private static List<(double[] Query, int Class)> Queries(JsonElement queries, JsonElement classes)
    {
        var labels = classes.EnumerateArray().Select(c => c.GetInt32()).ToArray();
        var rows = queries.EnumerateArray().Select(q => q.GetString()!).ToArray();
        return [.. rows.Select((r, i) => (
            Enumerable.Range(0, r.Length / 3).Select(p => int.Parse(r.AsSpan(p * 3, 3), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 1000.0).ToArray(),
            labels[labels.Length - rows.Length + i]))];
    }
}
