using System.Numerics.Tensors;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// PRADA (M. Juuti et al., EuroS&amp;P 2019), the published baseline for the benchmark: it flags every honest digit client at its published δ, so it is no kind.
/// Per predicted class a growing set and the distances of new queries to it; a client is called an attacker when these distances are not normal (Shapiro–Wilk W &lt; δ).
/// </summary>
internal sealed class PradaDetector(double delta = 0.95)
{
    private readonly SortedDictionary<int, ClassState> _classes = [];
    private int _queries;

    /// <summary>W of the last test; NaN before the first.</summary>
    public double W { get; private set; } = double.NaN;

    /// <summary>All W, in order.</summary>
    public List<double> History { get; } = [];

    public bool IsAttack { get; private set; }

    /// <summary>Queries in the growing sets.</summary>
    public int StoredQueries => _classes.Values.Sum(c => c.Members.Count);

    public double ThresholdOf(int predictedClass) => _classes[predictedClass].Threshold;

    public void Add(double[] query, int predictedClass)
    {
        _queries++;
        if (!_classes.TryGetValue(predictedClass, out var state))
        {
            _classes.Add(predictedClass, state = new ClassState());
            state.Members.Add(query);
        }
        else
        {
            var nearest = state.Members.Min(m => TensorPrimitives.Distance<double>(query, m));
            state.All.Add(nearest);
            if (nearest > state.Threshold)
            {
                state.Members.Add(query);
                state.Distances.Add(nearest);
                var mean = state.Distances.Average();
                state.Threshold = Math.Max(state.Threshold, mean - Math.Sqrt(state.Distances.Average(d => (d - mean) * (d - mean))));
            }
        }

        // The authors' code tests after queries 1, 11, 21, …
        if (_queries % 10 == 1)
        {
            Test();
        }
    }

    private void Test()
    {
        var all = _classes.Values.Where(c => c.All.Count >= 10).SelectMany(c => c.All).ToArray();
        if (all.Length == 0)
        {
            return;
        }

        var mean = all.Average();
        var deviation = Math.Sqrt(all.Average(d => (d - mean) * (d - mean)));
        var kept = all.Where(d => Math.Abs(d - mean) < 3 * deviation).ToArray();
        if (kept.Length > 100)
        {
            W = ShapiroWilk.Test(kept).Statistic;
            History.Add(W);
            IsAttack = W < delta;
        }
    }

    private sealed class ClassState
    {
        public List<double[]> Members { get; } = [];

        /// <summary>Distances of members when they joined, after a leading 0.</summary>
        public List<double> Distances { get; } = [0];

        public List<double> All { get; } = [];

        public double Threshold { get; set; }
    }
}
