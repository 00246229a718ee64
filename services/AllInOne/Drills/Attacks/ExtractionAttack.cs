namespace Monitoring.AllInOne.Drills;

/// <summary>Copies a model by asking, and measures the copy on inputs it never asked about.</summary>
internal sealed class ExtractionAttack(ExtractionStrategy strategy, IReadOnlyList<float[]> pool)
{
    /// <summary>Natural queries that active and synthetic theft begin with.</summary>
    public const int Seeds = 50;

    private const int Batch = 50;
    private const int LatticeLevels = 5;
    private const int Epochs = 12;
    private readonly List<float[]> _inputs = [];
    private readonly List<float[]> _answers = [];

    /// <summary>Everything asked so far, in order.</summary>
    public IReadOnlyList<float[]> Queries => _inputs;

    public string Name => "extraction-" + strategy switch
    {
        ExtractionStrategy.OutOfDistribution => "out-of-distribution",
        var other => other.ToString().ToLowerInvariant(),
    };

    /// <summary>False where theory says that no pattern betrays it.</summary>
    public bool IsDetectable => strategy != ExtractionStrategy.Natural;

    /// <summary>Asks until the budget is spent.</summary>
    public async ValueTask RunAsync(AttackSession session)
    {
        while (session.Used < session.Budget)
        {
            var count = Math.Min(Batch, session.Budget - session.Used);
            var batch = Next(session, count);
            var answers = await session.AskAsync(Vectors.Stack(batch), batch.Count).ConfigureAwait(false);
            for (var i = 0; i < batch.Count; i++)
            {
                _inputs.Add(batch[i]);
                _answers.Add(answers.AsSpan(i * session.Classes, session.Classes).ToArray());
            }
        }
    }

    /// <summary>Agreement, 0 to 1, of a copy trained on the first <paramref name="queries"/> answers with the model's labels on private inputs.</summary>
    public double Agreement(int queries, IReadOnlyList<float[]> probes, IReadOnlyList<int> labels, int seed)
    {
        if (queries < 1 || _inputs.Count == 0)
        {
            return 0;
        }

        var copy = Copy(Math.Min(queries, _inputs.Count), seed);
        return Enumerable.Range(0, probes.Count).Count(i => Vectors.ArgMax(copy.Probabilities(probes[i])) == labels[i]) / (double)probes.Count;
    }

    private SurrogateNetwork Copy(int queries, int seed)
    {
        var copy = new SurrogateNetwork(_inputs[0].Length, _answers[0].Length, seed);
        copy.Train(_inputs.GetRange(0, queries), _answers.GetRange(0, queries), Epochs, seed);
        return copy;
    }

    private List<float[]> Next(AttackSession session, int count)
    {
        var random = session.Random;
        switch (strategy)
        {
            case ExtractionStrategy.Noise:
                return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, session.Width).Select(_ => random.NextSingle()).ToArray())];
            case ExtractionStrategy.Lattice:
                return [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, session.Width).Select(_ => random.Next(LatticeLevels) / (LatticeLevels - 1f)).ToArray())];
            case ExtractionStrategy.OutOfDistribution:
                return [.. Enumerable.Range(0, count).Select(_ => Foreign(pool[random.Next(pool.Count)], random.Next(3)))];
            case ExtractionStrategy.Synthetic when _inputs.Count >= Seeds:
                var copy = Copy(_inputs.Count, random.Next());
                return [.. Enumerable.Range(0, count).Select(_ =>
                {
                    var pick = random.Next(_inputs.Count);
                    var gradient = copy.Gradient(_inputs[pick], Vectors.ArgMax(_answers[pick]));
                    return Vectors.AddClipped(_inputs[pick], Array.ConvertAll(gradient, g => (float)Math.Sign(g)), random.Next(2) == 0 ? 0.1 : -0.1);
                })];
            case ExtractionStrategy.Active when _inputs.Count >= Seeds:
                var current = Copy(_inputs.Count, random.Next());
                return [.. Enumerable.Range(0, 20 * count).Select(_ => pool[random.Next(pool.Count)]).DistinctBy(p => p)
                    .OrderBy(p => current.Probabilities(p).Max()).Take(count)];
            default:
                return [.. Enumerable.Range(0, count).Select(_ => pool[random.Next(pool.Count)])];
        }
    }

    private static float[] Foreign(float[] image, int how) => how switch
    {
        0 => [.. image.Reverse()],
        1 => Array.ConvertAll(image, v => 1 - v),
        _ => Math.Sqrt(image.Length) % 1 == 0 ? Transpose(image) : Array.ConvertAll(image, v => v * v),
    };

    private static float[] Transpose(float[] image)
    {
        var side = (int)Math.Round(Math.Sqrt(image.Length));
        return [.. Enumerable.Range(0, side * side).Select(i => image[((i % side) * side) + (i / side)])];
    }
}
