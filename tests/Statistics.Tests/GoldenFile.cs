using System.Text.Json;

namespace Monitoring.Statistics.Tests;

/// <summary>Outputs of reference libraries, with their inputs; see Golden/.</summary>
internal static class GoldenFile
{
    public static JsonElement Load(string name) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Golden", name + ".json"))).RootElement;

    public static double Number(this JsonElement element, string name) => element.GetProperty(name).GetDouble();

    public static double[] Numbers(this JsonElement element) => [.. element.EnumerateArray().Select(e => e.ValueKind switch
    {
        JsonValueKind.True => 1.0,
        JsonValueKind.False => 0.0,
        JsonValueKind.Null => double.NaN,
        _ => e.GetDouble(),
    })];

    public static double[] Numbers(this JsonElement element, string name) => element.GetProperty(name).Numbers();

    public static int[] Integers(this JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];

    /// <summary>Rows of an array of arrays, row-major, with the number of columns.</summary>
    public static (double[] Values, int Columns) Matrix(this JsonElement element, string name)
    {
        var rows = element.GetProperty(name).EnumerateArray().Select(Numbers).ToArray();
        return ([.. rows.SelectMany(r => r)], rows[0].Length);
    }

    public static void Close(double expected, double actual, double relative = 1e-9, string? because = null)
    {
        var tolerance = (relative * Math.Abs(expected)) + 1e-300;
        Assert.True(Math.Abs(expected - actual) <= tolerance, $"{because}: expected {expected:R}, got {actual:R}");
    }

    public static void Close(double[] expected, ReadOnlySpan<double> actual, double relative = 1e-9, double absolute = 0, string? because = null)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs(expected[i] - actual[i]) <= (relative * Math.Abs(expected[i])) + absolute, $"{because}[{i}]: expected {expected[i]:R}, got {actual[i]:R}");
        }
    }
}
