using Monitoring.AllInOne.Drills;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>A theft as it was asked: its queries, the answers, and what a copy made of the first of them agrees on.</summary>
/// <param name="name">Name in reports.</param>
/// <param name="seeds">Natural queries that it begins with.</param>
/// <param name="next">The next queries, of which it takes as many as it may ask.</param>
internal sealed class Theft(string name, int seeds, Func<Theft, Random, IEnumerable<float[]>> next)
{
    private const int Epochs = 12;
    private readonly List<float[]> _queries = [];
    private readonly List<float[]> _answers = [];

    public string Name => name;

    /// <summary>Natural queries at the start.</summary>
    public int Seeds => seeds;

    public IReadOnlyList<float[]> Queries => _queries;

    public IReadOnlyList<float[]> Answers => _answers;

    /// <summary>Asks so many queries in batches of fifty.</summary>
    public void Run(OnnxClassifier model, IReadOnlyList<float[]> pool, int queries, Random random)
    {
        while (_queries.Count < queries)
        {
            var count = Math.Min(50, queries - _queries.Count);
            float[][] batch = _queries.Count < seeds ? [.. Enumerable.Range(0, count).Select(_ => pool[random.Next(pool.Count)])] : [.. next(this, random).Take(count)];
            var answers = model.Probabilities(Vectors.Stack(batch), batch.Length);
            _answers.AddRange(Enumerable.Range(0, batch.Length).Select(i => answers.AsSpan(i * 10, 10).ToArray()));
            _queries.AddRange(batch);
        }
    }

    /// <summary>A copy trained on the first answers.</summary>
    public SurrogateNetwork Copy(int queries, int seed)
    {
        var copy = new SurrogateNetwork(_queries[0].Length, 10, seed);
        copy.Train(_queries.GetRange(0, queries), _answers.GetRange(0, queries), Epochs, seed);
        return copy;
    }
}
