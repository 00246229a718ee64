using System.Numerics.Tensors;

namespace Monitoring.Explainer;

/// <summary>
/// The coalitions that KernelSHAP evaluates for M groups and the linear map from their values to Shapley values. Depends on
/// (M, samples, seed) alone, so all explanations of a model share one.
/// </summary>
/// <remarks>
/// Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions" (2017), theorem 2: weights
/// π(z) = (M−1)/(C(M,|z|)·|z|·(M−|z|)), weighted least squares under Σφ = f(x) − E f. Sizes are enumerated from the outside in
/// while the budget allows, the rest is drawn by size with its complement.
/// </remarks>
internal sealed class CoalitionDesign
{
    private readonly double[] _map;

    private CoalitionDesign(int groups, ulong[] coalitions, double[] weights)
    {
        Groups = groups;
        Words = (groups + 63) / 64;
        Coalitions = coalitions;
        Count = weights.Length;
        _map = Solve(groups, Words, coalitions, weights);
    }

    public int Groups { get; }

    /// <summary>Words per coalition.</summary>
    public int Words { get; }

    /// <summary>Coalitions, without the empty and the full one.</summary>
    public int Count { get; }

    /// <summary>Count × <see cref="Words"/>; bit g of word g / 64 is group g.</summary>
    public ulong[] Coalitions { get; }

    public ReadOnlySpan<ulong> Coalition(int index) => Coalitions.AsSpan(index * Words, Words);

    /// <summary>shap's default number of samples: 2M + 2048.</summary>
    public static int DefaultSamples(int groups) => (2 * groups) + 2048;

    /// <param name="groups">M ≥ 2.</param>
    /// <param name="samples">Coalitions to evaluate at most; below 2^M − 2 the rest is drawn.</param>
    /// <param name="seed">Seed of the draws.</param>
    public static CoalitionDesign Create(int groups, int samples, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(groups, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(samples, 2 * groups);
        var words = (groups + 63) / 64;
        var coalitions = new Dictionary<string, double>(StringComparer.Ordinal);
        var order = new List<ulong[]>();

        void Add(ulong[] coalition, double weight)
        {
            var key = new string(System.Runtime.InteropServices.MemoryMarshal.Cast<ulong, char>(coalition));
            if (coalitions.TryAdd(key, weight))
            {
                order.Add(coalition);
            }
            else
            {
                coalitions[key] += weight;
            }
        }

        // Share of the kernel's mass per size; a size and its complement are one entry.
        var half = groups / 2;
        var mass = new double[half + 1];
        for (var size = 1; size <= half; size++)
        {
            mass[size] = (groups - 1.0) / (size * (double)(groups - size)) * (size * 2 == groups ? 1 : 2);
        }

        var total = mass.Sum();
        var left = samples;
        var enumerated = 0;
        for (var size = 1; size <= half; size++)
        {
            var rest = mass.Skip(size).Sum();
            var subsets = Binomial(groups, size) * (size * 2 == groups ? 1 : 2);
            if (subsets > left * (mass[size] / rest) * (1 + 1e-9))
            {
                break;
            }

            foreach (var members in Subsets(groups, size))
            {
                var coalition = ToBits(members, words);
                Add(coalition, mass[size] / total / subsets);
                if (size * 2 != groups)
                {
                    Add(Complement(coalition, groups), mass[size] / total / subsets);
                }
            }

            left -= (int)subsets;
            enumerated = size;
        }

        if (enumerated < half)
        {
            Draw(groups, words, mass, enumerated, left, total, seed, Add, () => order.Count, samples);
        }

        return new CoalitionDesign(groups, [.. order.SelectMany(c => c)], [.. order.Select(c => coalitions[new string(System.Runtime.InteropServices.MemoryMarshal.Cast<ulong, char>(c))])]);
    }

    /// <summary>Shapley values of all outputs from the coalitions' values. The map is read once, in blocks that stay in the first cache beside the outputs' values.</summary>
    /// <param name="values">outputs × <see cref="Count"/>: f(z) of each output, row-major; overwritten.</param>
    /// <param name="base">Values of the empty coalition, one per output.</param>
    /// <param name="value">Values of the full one.</param>
    /// <returns><see cref="Groups"/> × outputs, row-major; for each output they sum to value − base exactly as far as doubles can.</returns>
    public double[] Explain(Span<double> values, ReadOnlySpan<double> @base, ReadOnlySpan<double> value)
    {
        const int block = 256;
        var outputs = @base.Length;
        var last = Groups - 1;
        for (var o = 0; o < outputs; o++)
        {
            var delta = value[o] - @base[o];
            var target = values.Slice(o * Count, Count);
            for (var i = 0; i < Count; i++)
            {
                target[i] = target[i] - @base[o] - (IsSet(Coalition(i), last) ? delta : 0);
            }
        }

        var shapley = new double[Groups * outputs];
        for (var start = 0; start < Count; start += block)
        {
            var length = Math.Min(block, Count - start);
            for (var g = 0; g < last; g++)
            {
                var map = _map.AsSpan((g * Count) + start, length);
                for (var o = 0; o < outputs; o++)
                {
                    shapley[(g * outputs) + o] += TensorPrimitives.Dot(map, values.Slice((o * Count) + start, length));
                }
            }
        }

        for (var o = 0; o < outputs; o++)
        {
            var sum = 0.0;
            for (var g = 0; g < last; g++)
            {
                sum += shapley[(g * outputs) + o];
            }

            shapley[(last * outputs) + o] = value[o] - @base[o] - sum;
        }

        return shapley;
    }

    private static void Draw(int groups, int words, double[] mass, int enumerated, int left, double total, int seed, Action<ulong[], double> add, Func<int> distinct, int samples)
    {
        var random = new Random(seed);
        var rest = mass.Skip(enumerated + 1).Sum();
        var drawn = new List<ulong[]>();
        var members = Enumerable.Range(0, groups).ToArray();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var before = distinct();

        // Repeats raise a coalition's weight and cost nothing, so go on until the budget of distinct ones is used, within reason.
        while (before + seen.Count + 2 <= samples && drawn.Count < 4 * left)
        {
            var at = random.NextDouble() * rest;
            var size = enumerated + 1;
            while (size < mass.Length - 1 && at >= mass[size])
            {
                at -= mass[size];
                size++;
            }

            for (var i = 0; i < size; i++)
            {
                var other = random.Next(i, groups);
                (members[i], members[other]) = (members[other], members[i]);
            }

            var coalition = ToBits(members.AsSpan(0, size), words);
            foreach (var one in new[] { coalition, Complement(coalition, groups) })
            {
                drawn.Add(one);
                seen.Add(new string(System.Runtime.InteropServices.MemoryMarshal.Cast<ulong, char>(one)));
            }
        }

        foreach (var coalition in drawn)
        {
            add(coalition, rest / total / drawn.Count);
        }
    }

    /// <summary>(Z'ᵀWZ')⁻¹Z'ᵀW with the last group eliminated by the constraint; (M − 1) × n, row-major.</summary>
    private static double[] Solve(int groups, int words, ulong[] coalitions, double[] weights)
    {
        var n = weights.Length;
        var m = groups - 1;
        var design = new double[m * n];
        for (var i = 0; i < n; i++)
        {
            var coalition = coalitions.AsSpan(i * words, words);
            var last = IsSet(coalition, m) ? 1 : 0;
            for (var g = 0; g < m; g++)
            {
                design[(g * n) + i] = (IsSet(coalition, g) ? 1 : 0) - last;
            }
        }

        var weighted = new double[m * n];
        for (var g = 0; g < m; g++)
        {
            TensorPrimitives.Multiply(design.AsSpan(g * n, n), weights, weighted.AsSpan(g * n, n));
        }

        var gram = new double[m * m];
        for (var a = 0; a < m; a++)
        {
            for (var b = 0; b <= a; b++)
            {
                gram[(a * m) + b] = gram[(b * m) + a] = TensorPrimitives.Dot(weighted.AsSpan(a * n, n), design.AsSpan(b * n, n));
            }
        }

        Cholesky.SolveInPlace(gram, m, weighted, n);
        return weighted;
    }

    private static bool IsSet(ReadOnlySpan<ulong> coalition, int group) => (coalition[group >> 6] >> (group & 63) & 1) == 1;

    private static ulong[] ToBits(ReadOnlySpan<int> members, int words)
    {
        var bits = new ulong[words];
        foreach (var member in members)
        {
            bits[member >> 6] |= 1UL << (member & 63);
        }

        return bits;
    }

    private static ulong[] Complement(ulong[] coalition, int groups)
    {
        var bits = coalition.Select(w => ~w).ToArray();
        if ((groups & 63) != 0)
        {
            bits[^1] &= (1UL << (groups & 63)) - 1;
        }

        return bits;
    }

    private static double Binomial(int n, int k)
    {
        var result = 1.0;
        for (var i = 1; i <= k; i++)
        {
            result = result * (n - k + i) / i;
        }

        return Math.Round(result);
    }

    private static IEnumerable<int[]> Subsets(int groups, int size)
    {
        var members = Enumerable.Range(0, size).ToArray();
        while (true)
        {
            yield return members;
            var i = size - 1;
            while (i >= 0 && members[i] == groups - size + i)
            {
                i--;
            }

            if (i < 0)
            {
                yield break;
            }

            members[i]++;
            for (var j = i + 1; j < size; j++)
            {
                members[j] = members[j - 1] + 1;
            }
        }
    }
}
