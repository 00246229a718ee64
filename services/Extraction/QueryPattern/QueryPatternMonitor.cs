using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Scoring;

namespace Monitoring.Extraction;

/// <summary>
/// Numbers of a query that tell a thief's from an honest client's: distances to the nearest clean input and embedding, entropy of the answer, and, from the model's checkpoints during training, hardness (A. Sadeghzadeh et al., "HODA", 2021,
/// by the confidence of S. Swayamdipta et al., "Dataset Cartography", EMNLP 2020, instead of the last change of the answer) and doubt; of rows how unusual the columns are together (<see cref="ColumnPairs"/>). Each is observed per client, for the runtime's urn that carries the spread between honest clients and learns
/// what the client does, and bet on by <see cref="StrangeTails"/>, which need not learn.
/// </summary>
internal sealed class QueryPatternMonitor : IMonitor
{
    private const string InputDistance = "input distance";
    private const string AnswerEntropy = "answer entropy";
    private const string EmbeddingDistance = "embedding distance";
    private const string Hard = "hardness";
    private const string Doubt = "doubt while training";
    private const string Together = "columns together";

    /// <summary>Probabilities below are all the same "no".</summary>
    private const float LeastProbability = 1e-6f;

    /// <summary>Entropies below, in nats, are all the same certainty.</summary>
    private const double LeastEntropy = 1e-4;

    private const int FittedAtOnce = 1_000;

    /// <summary>Neighbours looked at when the reference is compared with itself: an input and its versions.</summary>
    private const int Candidates = 8;

    private readonly ModelDescription _model;
    private readonly QueryPatternParameters _parameters;
    private readonly ScoringKernels _kernels;
    private readonly IReadOnlyList<ScoringModel> _checkpoints;
    private readonly ClientTable<PatternClient> _clients;
    private readonly string[] _numbers;
    private readonly SharedQueries? _shared;
    private readonly ulong _seed;
    private readonly Projection _projection;
    private readonly bool _cohorts;
    private readonly int _probabilities;
    private readonly int _embedding;

    public QueryPatternMonitor(ModelDescription model, QueryPatternParameters parameters, ScoringKernels kernels, IReadOnlyList<ScoringModel> checkpoints, QueryPatternOptions options, ulong seed)
    {
        _model = model;
        _parameters = parameters;
        _kernels = kernels;
        _checkpoints = checkpoints;
        _clients = new ClientTable<PatternClient>(options.Clients);
        _seed = seed;
        _projection = new Projection(parameters.Scales, seed);
        _cohorts = options.Cohorts;
        _shared = options.Cohorts && parameters.Frequent is not null ? new SharedQueries(parameters.Frequent) : null;
        State = new ClientsAndCohorts(_clients, _shared);
        _probabilities = model.IndexOf(OutputRole.Probabilities);
        _embedding = model.IndexOf(OutputRole.Embedding);
        var names = new List<string> { InputDistance };
        if (_probabilities >= 0)
        {
            names.Add(AnswerEntropy);
        }

        if (parameters.Embeddings is not null)
        {
            names.Add(EmbeddingDistance);
        }

        if (checkpoints.Count > 0)
        {
            names.Add(Hard);
            names.Add(Doubt);
        }

        if (parameters.Pairs is not null)
        {
            names.Add(Together);
        }

        _numbers = [.. names];
        Variables =
        [
            .. names.Select(n => new Variable(n) { Group = n, PerSubject = true, EveryRow = true }),
            .. names.SelectMany(n => StrangeTails.Powers.Select(p => new Variable(string.Create(CultureInfo.InvariantCulture, $"{n} stranger than usual, {p:0.#}")) { Type = VariableType.Bet, Group = n, PerSubject = true, EveryRow = true })),
        ];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public IMonitorState State { get; }

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new PatternScores(rows.Count, _numbers.Length);
        var numbers = Numbers(rows, leaveOut: false, cancellationToken);
        for (var number = 0; number < numbers.Length; number++)
        {
            for (var row = 0; row < rows.Count; row++)
            {
                scores.Values[(row * scores.Columns) + number] = numbers[number].Length == 0 ? float.NaN : _parameters.Within[number].Of(numbers[number][row], rows.PredictedClass(row));
            }
        }

        for (var row = 0; row < rows.Count; row++)
        {
            _projection.Of(rows.Input(row), scores.Projected(row));
        }

        return ValueTask.FromResult<MonitorScores>(scores);
    }

    /// <summary>What the neighbours themselves have, class by class, each compared with the others.</summary>
    internal IReadOnlyList<WithinClass> FitWithin(RowBatch neighbours, CancellationToken cancellationToken)
    {
        var classes = Enumerable.Range(0, neighbours.Count).Select(neighbours.PredictedClass).ToArray();
        return [.. Numbers(neighbours, leaveOut: true, cancellationToken).Select(values => WithinClass.Fit(values, classes))];
    }

    /// <summary>How strange clean queries are that nothing was fitted on, those that count of each client.</summary>
    internal async ValueTask<IReadOnlyList<StrangeTails>> FitTailsAsync(RowBatch clean, CancellationToken cancellationToken)
    {
        var values = _numbers.Select(_ => new List<float>()).ToArray();
        var (classes, names) = (new List<int>(), new List<string>());
        var clients = new Dictionary<string, PatternClient>(StringComparer.Ordinal);
        for (var start = 0; start < clean.Count; start += FittedAtOnce)
        {
            var rows = clean.Slice(start, Math.Min(FittedAtOnce, clean.Count - start));
            var scores = (PatternScores)await ScoreAsync(rows, cancellationToken).ConfigureAwait(false);
            for (var row = 0; row < rows.Count; row++)
            {
                var name = rows.Rows[row].Client;
                if (name.Length > 0)
                {
                    if (!clients.TryGetValue(name, out var client))
                    {
                        clients.Add(name, client = new PatternClient());
                    }

                    if (!client.Admit(StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed), scores.Projected(row), _parameters.Version))
                    {
                        continue;
                    }
                }

                names.Add(name);
                classes.Add(rows.PredictedClass(row));
                for (var number = 0; number < values.Length; number++)
                {
                    values[number].Add(scores.Values[(row * scores.Columns) + number]);
                }
            }
        }

        return [.. values.Select(v => StrangeTails.Fit(v, classes, names))];
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        var hash = StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed);
        var projected = ((PatternScores)scores).Projected(row);

        // Rows without a client calibrate (a reference from a file names none); the runtime blames nobody for them.
        var client = info.Client.Length == 0 ? null : _clients.Touch(info.Client);
        if (client is null || client.Admit(hash, projected, _parameters.Version))
        {
            Observe(rows, row, info.Client, client, scores, sink);
        }

        if (_cohorts)
        {
            foreach (var cohort in Cohorts.Take(rows, row, hash, _shared))
            {
                ObserveCohort(rows, row, cohort, info.Client, hash, projected, scores, sink);
            }
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is { } client)
        {
            var who = client.Recent.Accounts.Count > 0 ? $"The {client.Recent.Accounts.Count} accounts of the {alarm.Subject} together: their" : $"Client {alarm.Subject}'s";
            details.Summary = $"{who} {client.Recent.Queries} distinct queries are not what honest clients ask, most in {Variables[Math.Max(0, alarm.Variable)].Group}: someone may be copying the model";
            details.Measures["queries"] = client.Recent.Queries;
            details.Clients.AddRange(client.Recent.Accounts);
        }
    }

    private void ObserveCohort(RowBatch rows, int row, string cohort, string client, ulong hash, ReadOnlySpan<float> projected, MonitorScores scores, IObservationSink sink)
    {
        var members = _clients.Touch(cohort);

        // One account alone is judged under its own name.
        if (members.Recent.Join(client) > 1 && members.Admit(hash, projected, _parameters.Version))
        {
            Observe(rows, row, cohort, members, scores, sink);
        }
    }

    private void Observe(RowBatch rows, int row, string subject, PatternClient? client, MonitorScores scores, IObservationSink sink)
    {
        for (var number = 0; number < _numbers.Length; number++)
        {
            sink.Observe(number, scores.Values[(row * scores.Columns) + number], subject);
        }

        if (client is null || _parameters.Tails.Count == 0)
        {
            return;
        }

        if (client.Counts.Length == 0)
        {
            client.Counts = new long[_numbers.Length * StrangeTails.Bins];
        }

        for (var number = 0; number < _numbers.Length; number++)
        {
            var value = scores.Values[(row * scores.Columns) + number];
            if (!float.IsFinite(value))
            {
                continue;
            }

            var tails = _parameters.Tails[number];
            var counts = client.Counts.AsSpan(number * StrangeTails.Bins, StrangeTails.Bins);
            var bin = tails.BinOf(value, rows.PredictedClass(row));
            var draws = 0L;
            foreach (var count in counts)
            {
                draws += count;
            }

            for (var power = 0; power < StrangeTails.Powers.Length; power++)
            {
                sink.Bet(_numbers.Length + (number * StrangeTails.Powers.Length) + power, tails.Increment(power, bin, counts[bin], draws), subject);
            }

            counts[bin]++;
        }
    }

    /// <summary>The numbers of every row, in the order of their names; empty where the rows do not carry what one is made of.</summary>
    private float[][] Numbers(RowBatch rows, bool leaveOut, CancellationToken cancellationToken)
    {
        var (hardness, doubt) = _checkpoints.Count > 0 ? WhileTraining(rows, cancellationToken) : ([], []);
        return [.. _numbers.Select(number => number switch
        {
            InputDistance => Nearest(QueryPatternParameters.Scale(rows.Inputs, rows.Count, _parameters.Scales), _parameters.Inputs, leaveOut, cancellationToken),
            AnswerEntropy => rows.HasOutput(_probabilities) ? [.. Enumerable.Range(0, rows.Count).Select(r => LogEntropy(rows.Output(_probabilities, r)))] : [],
            EmbeddingDistance => rows.HasOutput(_embedding)
                ? Nearest(new Matrix<float>(rows.Outputs(_embedding), rows.Count, rows.Model.Outputs[_embedding].Width), _parameters.Embeddings!.Value, leaveOut, cancellationToken)
                : [],
            Hard => hardness,
            Together => [.. Enumerable.Range(0, rows.Count).Select(r => _parameters.Pairs!.Score(rows.Input(r), leaveOut))],
            _ => doubt,
        })];
    }

    /// <summary>Logarithm of the entropy of probabilities in nats: sure answers differ by factors.</summary>
    private static float LogEntropy(ReadOnlySpan<float> probabilities)
    {
        double entropy = 0;
        foreach (var p in probabilities)
        {
            entropy -= p > 0 ? p * Math.Log(p) : 0;
        }

        return (float)Math.Log(entropy + LeastEntropy);
    }

    /// <summary>Distances to the nearest; when the queries are the reference itself, to the nearest of the others that is no near copy.</summary>
    private float[] Nearest(Matrix<float> queries, Matrix<float> reference, bool leaveOut, CancellationToken cancellationToken)
    {
        if (!leaveOut)
        {
            return _kernels.NearestNeighbours(queries, reference, 1, cancellationToken).Distances;
        }

        var copy = NearCopy.Distance(_model, _parameters.Scales);
        var (inputs, columns) = (_parameters.Inputs.Values, _parameters.Inputs.Columns);
        var found = _kernels.NearestNeighbours(queries, reference, Math.Min(Candidates, reference.Rows), cancellationToken);
        var nearest = new float[queries.Rows];
        for (var row = 0; row < nearest.Length; row++)
        {
            nearest[row] = float.NaN;
            for (var i = row * found.K; i < (row + 1) * found.K && float.IsNaN(nearest[row]); i++)
            {
                var other = (int)found.Indices[i];
                if (other != row && TensorPrimitives.Distance(inputs.Span.Slice(row * columns, columns), inputs.Span.Slice(other * columns, columns)) > copy)
                {
                    nearest[row] = found.Distances[i];
                }
            }
        }

        return nearest;
    }

    /// <summary>
    /// Means over the checkpoints: −ln of the probability that each gave to the last one's answer (how hard it was to learn), and −ln of the greatest probability that it gave to any (how unsure a model with less training is of it, as a
    /// thief's copy is, which asks about just that).
    /// </summary>
    private (float[] Hardness, float[] Doubt) WhileTraining(RowBatch rows, CancellationToken cancellationToken)
    {
        var (hardness, doubt) = (new float[rows.Count], new float[rows.Count]);
        var final = new int[rows.Count];
        for (var checkpoint = _checkpoints.Count - 1; checkpoint >= 0; checkpoint--)
        {
            var model = _checkpoints[checkpoint];
            long[] shape = [rows.Count, .. model.Inputs[0].Shape.Skip(1)];
            var answers = model.Run([ScoringTensor.Create(model.Inputs[0].Name, rows.Inputs, shape)], [model.Outputs[0].Name], cancellationToken)[0].AsSpan<float>().ToArray();
            var width = answers.Length / Math.Max(1, rows.Count);
            for (var row = 0; row < rows.Count; row++)
            {
                var answer = answers.AsSpan(row * width, width);
                if (!AreProbabilities(answer))
                {
                    TensorPrimitives.SoftMax<float>(answer, answer);
                }

                var greatest = TensorPrimitives.IndexOfMax<float>(answer);
                final[row] = checkpoint == _checkpoints.Count - 1 ? greatest : final[row];
                hardness[row] -= MathF.Log(Math.Max(answer[final[row]], LeastProbability)) / _checkpoints.Count;
                doubt[row] -= MathF.Log(Math.Max(answer[greatest], LeastProbability)) / _checkpoints.Count;
            }
        }

        return (hardness, doubt);
    }

    /// <summary>Some models end before the softmax.</summary>
    private static bool AreProbabilities(ReadOnlySpan<float> answer) => TensorPrimitives.Min(answer) >= 0 && Math.Abs(TensorPrimitives.Sum(answer) - 1) < 0.01f;

    /// <summary>Numbers within the class, and the inputs projected.</summary>
    private sealed class PatternScores(int rows, int columns) : MonitorScores(rows, columns)
    {
        private readonly float[] _projected = new float[rows * Projection.Width];

        public Span<float> Projected(int row) => _projected.AsSpan(row * Projection.Width, Projection.Width);
    }
}
