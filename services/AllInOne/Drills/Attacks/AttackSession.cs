namespace Monitoring.AllInOne.Drills;

/// <summary>One attacker at work: what it may ask, what it has asked, its dice.</summary>
internal sealed class AttackSession(Oracle oracle, int width, int classes, int budget, int seed)
{
    private readonly List<(int Queries, double Progress)> _progress = [];
    private double _spare = double.NaN;

    public int Width { get; } = width;

    public int Classes { get; } = classes;

    /// <summary>Queries asked so far.</summary>
    public int Used { get; private set; }

    public int Budget { get; } = budget;

    public Random Random { get; } = new(seed);

    /// <summary>Queries after which the attack had reached its goal; null while it has not.</summary>
    public int? SucceededAt { get; private set; }

    /// <summary>What the attacker had after so many queries, 0 to 1, in the attack's own measure.</summary>
    public IReadOnlyList<(int Queries, double Progress)> Progress => _progress;

    /// <summary>Asks; throws <see cref="QueryBudgetSpentException"/> when the budget does not cover all rows.</summary>
    public async ValueTask<float[]> AskAsync(float[] inputs, int rows = 1)
    {
        if (Used + rows > Budget)
        {
            throw new QueryBudgetSpentException();
        }

        Used += rows;
        return await oracle(inputs, rows).ConfigureAwait(false);
    }

    public async ValueTask<int> LabelAsync(float[] input) => Vectors.ArgMax(await AskAsync(input).ConfigureAwait(false));

    /// <summary>States what has been reached; 1 is the goal.</summary>
    public void Reached(double progress)
    {
        _progress.Add((Used, progress));
        if (progress >= 1)
        {
            SucceededAt ??= Used;
        }
    }

    /// <summary>What had been reached when so many queries were asked.</summary>
    public double ProgressAt(int queries)
    {
        double reached = 0;
        foreach (var (at, progress) in _progress)
        {
            if (at <= queries)
            {
                reached = Math.Max(reached, progress);
            }
        }

        return reached;
    }

    /// <summary>A standard normal number (polar method of Marsaglia).</summary>
    public double Gaussian()
    {
        if (!double.IsNaN(_spare))
        {
            var kept = _spare;
            _spare = double.NaN;
            return kept;
        }

        while (true)
        {
            var u = (2 * Random.NextDouble()) - 1;
            var v = (2 * Random.NextDouble()) - 1;
            var square = (u * u) + (v * v);
            if (square is > 0 and < 1)
            {
                var factor = Math.Sqrt(-2 * Math.Log(square) / square);
                _spare = v * factor;
                return u * factor;
            }
        }
    }

    public float[] GaussianVector(double scale = 1)
    {
        var vector = new float[Width];
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = (float)(scale * Gaussian());
        }

        return vector;
    }
}
