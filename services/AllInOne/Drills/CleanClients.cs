namespace Monitoring.AllInOne.Drills;

/// <summary>
/// Clean clients of several habits beside an attack: one by one, bursts, retries, duplicates, augmented copies of one input, batch jobs over everything, crawlers of one class's neighbourhood.
/// </summary>
internal sealed class CleanClients(IReadOnlyList<float[]> inputs, int seed)
{
    private static readonly string[] s_habits = ["steady", "burst", "retry", "duplicate", "augment", "batch", "crawl"];
    private readonly Random _random = new(seed);
    private int _cursor = seed * 37;

    public static int Count => s_habits.Length;

    /// <summary>The next few queries of one client.</summary>
    public (string Client, IReadOnlyList<float[]> Queries) Next()
    {
        var habit = s_habits[_random.Next(s_habits.Length)];
        var one = inputs[_random.Next(inputs.Count)];
        return ("clean-" + habit, habit switch
        {
            "burst" => [.. Enumerable.Range(0, 6).Select(_ => inputs[_random.Next(inputs.Count)])],
            "retry" => [one, one, one],
            "duplicate" => [inputs[_random.Next(Math.Min(10, inputs.Count))]],
            "augment" => [one, Vary(one, _random), Vary(one, _random)],
            "batch" => [.. Enumerable.Range(0, 8).Select(_ => inputs[_cursor++ % inputs.Count])],
            "crawl" => [.. Enumerable.Range(0, 4).Select(i => inputs[(_cursor + (i * 7)) % inputs.Count])],
            _ => [one],
        });
    }

    /// <summary>An augmented copy: a little noise and brightness.</summary>
    public static float[] Vary(float[] input, Random random)
    {
        var brightness = 1 + ((random.NextDouble() - 0.5) * 0.1);
        return Array.ConvertAll(input, v => (float)Math.Clamp((v * brightness) + ((random.NextDouble() - 0.5) * 0.04), 0, 1));
    }
}
