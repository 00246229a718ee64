using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>
/// Ridge copies per client from its own queries and answers: one on random features of the input, which a thief can match with little skill, and two on the served model's own
/// embedding, which it does not have: of the answers and of their logarithms, the better of which counts. A real thief's copy agrees with the model between the two (RUNTIME.md 6; docs/adr/0071).
/// </summary>
internal sealed class SurrogateFidelityMonitor : IMonitor
{
    private const int Features = 224;
    private const double Ridge = 1e-2;

    /// <summary>Width of a 95 % normal interval on either side, for the finite number of probes.</summary>
    private const double Z = 1.96;

    /// <summary>Probabilities below are all the same "no": a copy gains nothing from their logarithms.</summary>
    private const float LeastProbability = 1e-3f;

    private readonly SurrogateFidelityOptions _options;
    private readonly RandomFeatures _random;
    private readonly MeasuredClients _clients;
    private readonly double[] _probeFeatures;
    private readonly double[] _probeEmbeddings;
    private readonly int[] _probeClasses;
    private readonly int _probabilities;
    private readonly int _embedding;
    private readonly int _classes;
    private readonly ulong _seed;

    public SurrogateFidelityMonitor(ModelDescription model, SurrogateFidelityOptions options, double bandwidth, float[] probes, float[] embeddings, int[] classes, ulong seed)
    {
        _options = options;
        _seed = seed;
        _probabilities = model.IndexOf(OutputRole.Probabilities);
        _classes = model.Outputs[_probabilities].Width;
        _embedding = embeddings.Length > 0 ? model.IndexOf(OutputRole.Embedding) : -1;
        _random = new RandomFeatures(model.Width, Features, bandwidth, seed);
        _clients = new MeasuredClients(options.Clients, () => new RidgeSums(_random.Count, _classes));
        _probeClasses = classes;
        _probeFeatures = new double[classes.Length * _random.Count];
        for (var i = 0; i < classes.Length; i++)
        {
            _random.Of(probes.AsSpan(i * model.Width, model.Width), _probeFeatures.AsSpan(i * _random.Count, _random.Count));
        }

        var width = _embedding >= 0 ? model.Outputs[_embedding].Width : 0;
        _probeEmbeddings = [.. Enumerable.Range(0, _embedding >= 0 ? classes.Length : 0).SelectMany(i => WithConstant(embeddings.AsSpan(i * width, width)))];
    }

    public IReadOnlyList<Variable> Variables => [];

    public bool HoldsEvidence => false;

    public IMonitorState State => _clients;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken) => ValueTask.FromResult(MonitorScores.Empty);

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        var name = rows.Rows[row].Client;
        if (name.Length == 0 || !rows.HasOutput(_probabilities))
        {
            return;
        }

        var answer = rows.Output(_probabilities, row);
        if (!Finite(answer) || _clients.Take(name, StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed)) is not { OnInputs: { } sums } client)
        {
            return;
        }

        Span<double> features = stackalloc double[_random.Count];
        _random.Of(rows.Input(row), features);
        sums.Add(features, answer);
        client.Measured++;
        if (rows.HasOutput(_embedding) && Finite(rows.Output(_embedding, row)))
        {
            var embedding = WithConstant(rows.Output(_embedding, row));
            client.OnEmbedding ??= new RidgeSums(embedding.Length, 2 * _classes);
            client.OnEmbedding.Add(embedding, WithLogarithms(answer));
        }

        client.Next = client.Next == 0 ? _options.First : client.Next;
        if (client.Measured < client.Next)
        {
            return;
        }

        client.Next = Math.Max(client.Next + 1, (long)(client.Next * 1.5));
        var (low, high) = Measure(client);
        var queries = client.Recent.Queries;
        var asked = client.Measured == queries ? $"{queries} queries" : $"the last {client.Measured} of {queries} queries, those since it has been measured";
        sink.Report(new CertainFinding(
            string.Create(CultureInfo.InvariantCulture, $"{name} after {queries}"),
            string.Create(CultureInfo.InvariantCulture, $"With what it has asked so far ({asked}), a copy by client {name} agrees with the model on {low:P0} to {high:P0} of a private test"))
        {
            Client = name,
            Severity = low >= _options.Agreement ? Severity.Change : Severity.Record,
            Score = low,
            Measures = [("agreement-low", low), ("agreement-high", high), ("queries", client.Measured)],
        });
    }

    /// <summary>Lower and upper bound of the agreement of this client's copy, each widened by what the number of probes leaves open.</summary>
    internal (double Low, double High) Measure(FidelityClient client)
    {
        var low = client.OnInputs is { } inputs ? Agreement(inputs.Solve(Ridge), _probeFeatures, 0) : 0;
        var high = 1.0;
        if (client.OnEmbedding is { } embedding)
        {
            var weights = embedding.Solve(Ridge);
            high = Math.Max(low, Math.Max(Agreement(weights, _probeEmbeddings, 0), Agreement(weights, _probeEmbeddings, _classes)));
        }

        return (Math.Max(0, low - Margin(low)), Math.Min(1, high + Margin(high)));

        double Margin(double share) => Z * Math.Sqrt(Math.Max(share * (1 - share), 0.01) / _probeClasses.Length);
    }

    internal FidelityClient? Find(string client) => _clients.Find(client);

    /// <param name="weights">Targets × features.</param>
    /// <param name="probes">Probes × features.</param>
    /// <param name="first">The target that stands for the first class.</param>
    private double Agreement(double[] weights, double[] probes, int first)
    {
        var width = probes.Length / _probeClasses.Length;
        var agree = 0;
        Span<double> answers = stackalloc double[_classes];
        for (var probe = 0; probe < _probeClasses.Length; probe++)
        {
            for (var c = 0; c < answers.Length; c++)
            {
                answers[c] = TensorPrimitives.Dot<double>(weights.AsSpan((first + c) * width, width), probes.AsSpan(probe * width, width));
            }

            agree += TensorPrimitives.IndexOfMax<double>(answers) == _probeClasses[probe] ? 1 : 0;
        }

        return (double)agree / _probeClasses.Length;
    }

    private static float[] WithLogarithms(ReadOnlySpan<float> answer)
    {
        var targets = new float[2 * answer.Length];
        answer.CopyTo(targets);
        for (var c = 0; c < answer.Length; c++)
        {
            targets[answer.Length + c] = MathF.Log(Math.Max(0, answer[c]) + LeastProbability);
        }

        return targets;
    }

    private static double[] WithConstant(ReadOnlySpan<float> values)
    {
        var result = new double[values.Length + 1];
        for (var i = 0; i < values.Length; i++)
        {
            result[i] = values[i];
        }

        result[^1] = 1;
        return result;
    }

    private static bool Finite(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
        {
            if (!float.IsFinite(value))
            {
                return false;
            }
        }

        return values.Length > 0;
    }
}
