using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Detection;
using Monitoring.Scoring;

namespace Monitoring.Extraction;

/// <summary>
/// Hardness over training checkpoints (A. Sadeghzadeh et al., "HODA", 2021), entropy of the answer, and distances to the nearest clean input and embedding, each observed per client; the runtime's urn carries the
/// spread between honest clients and averages the four.
/// </summary>
internal sealed class QueryPatternMonitor : IMonitor
{
    private const string InputDistance = "input distance";
    private const string AnswerEntropy = "answer entropy";
    private const string EmbeddingDistance = "embedding distance";
    private const string Hard = "hardness";

    /// <summary>Entropies below, in nats, are all the same certainty.</summary>
    private const double LeastEntropy = 1e-4;

    /// <summary>Neighbours looked at when the reference is compared with itself: an input and its versions.</summary>
    private const int Candidates = 8;

    private readonly ModelDescription _model;
    private readonly QueryPatternParameters _parameters;
    private readonly ScoringKernels _kernels;
    private readonly IReadOnlyList<ScoringModel> _checkpoints;
    private readonly ClientTable<PatternClient> _clients;
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
        }

        Variables = [.. names.Select(n => new Variable(n) { Group = n, PerSubject = true, EveryRow = true })];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public IMonitorState State => _clients;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new PatternScores(rows.Count, Variables.Count);
        for (var variable = 0; variable < Variables.Count; variable++)
        {
            var values = Values(variable, rows, leaveOut: false, cancellationToken);
            for (var row = 0; row < rows.Count; row++)
            {
                scores.Values[(row * scores.Columns) + variable] = values.Length == 0 ? float.NaN : _parameters.Within[variable].Of(values[row], rows.PredictedClass(row));
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
        return [.. Enumerable.Range(0, Variables.Count).Select(v =>
        {
            var values = Values(v, neighbours, leaveOut: true, cancellationToken);
            return Variables[v].Name == Hard ? WithinClass.OfLevels(values, classes, _checkpoints.Count) : WithinClass.OfNumbers(values, classes);
        })];
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        var hash = StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed);
        var projected = ((PatternScores)scores).Projected(row);

        // Rows without a client calibrate (a reference from a file names none); the runtime blames nobody for them.
        if (info.Client.Length == 0 || _clients.Touch(info.Client).Admit(hash, projected, _parameters.Version))
        {
            Observe(row, info.Client, scores, sink);
        }

        // Accounts of one address prefix or key family that ask together are one more subject.
        var caller = _cohorts && info.Client.Length > 0 && info.Event < rows.Events.Count ? rows.Events[info.Event].Client : null;
        if (caller?.AddressPrefix is { Length: > 0 } prefix)
        {
            ObserveCohort(row, "cohort of addresses " + prefix, info.Client, hash, projected, scores, sink);
        }

        if (caller?.KeyFamily is { Length: > 0 } family)
        {
            ObserveCohort(row, "cohort of keys " + family, info.Client, hash, projected, scores, sink);
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is { } client)
        {
            var who = client.Recent.Accounts.Count > 0 ? $"The {client.Recent.Accounts.Count} accounts of the {alarm.Subject} together: their" : $"Client {alarm.Subject}'s";
            details.Summary = $"{who} {client.Recent.Queries} distinct queries are not what honest clients ask, most in {Variables[Math.Max(0, alarm.Variable)].Name}: someone may be copying the model";
            details.Measures["queries"] = client.Recent.Queries;
            details.Clients.AddRange(client.Recent.Accounts);
        }
    }

    private void ObserveCohort(int row, string cohort, string client, ulong hash, ReadOnlySpan<float> projected, MonitorScores scores, IObservationSink sink)
    {
        var members = _clients.Touch(cohort);

        // One account alone is judged under its own name.
        if (members.Recent.Join(client) > 1 && members.Admit(hash, projected, _parameters.Version))
        {
            Observe(row, cohort, scores, sink);
        }
    }

    private static void Observe(int row, string subject, MonitorScores scores, IObservationSink sink)
    {
        for (var variable = 0; variable < scores.Columns; variable++)
        {
            sink.Observe(variable, scores.Values[(row * scores.Columns) + variable], subject);
        }
    }

    /// <summary>One number of every row; empty where the rows do not carry what it is made of.</summary>
    private float[] Values(int variable, RowBatch rows, bool leaveOut, CancellationToken cancellationToken) => Variables[variable].Name switch
    {
        InputDistance => Nearest(QueryPatternParameters.Scale(rows.Inputs, rows.Count, _parameters.Scales), _parameters.Inputs, leaveOut, cancellationToken),
        AnswerEntropy => rows.HasOutput(_probabilities) ? [.. Enumerable.Range(0, rows.Count).Select(r => LogEntropy(rows.Output(_probabilities, r)))] : [],
        EmbeddingDistance => rows.HasOutput(_embedding)
            ? Nearest(new Matrix<float>(rows.Outputs(_embedding), rows.Count, rows.Model.Outputs[_embedding].Width), _parameters.Embeddings!.Value, leaveOut, cancellationToken)
            : [],
        _ => Hardness(rows, cancellationToken),
    };

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

    /// <summary>The first checkpoint from which on all give the last one's answer, 0 to their number − 1.</summary>
    private float[] Hardness(RowBatch rows, CancellationToken cancellationToken)
    {
        var hardness = new float[rows.Count];
        var final = Array.Empty<int>();
        var settled = Enumerable.Repeat(true, rows.Count).ToArray();
        for (var checkpoint = _checkpoints.Count - 1; checkpoint >= 0; checkpoint--)
        {
            var model = _checkpoints[checkpoint];
            long[] shape = [rows.Count, .. model.Inputs[0].Shape.Skip(1)];
            var answers = model.Run([ScoringTensor.Create(model.Inputs[0].Name, rows.Inputs, shape)], [model.Outputs[0].Name], cancellationToken)[0].AsSpan<float>();
            var width = answers.Length / Math.Max(1, rows.Count);
            var labels = new int[rows.Count];
            for (var row = 0; row < labels.Length; row++)
            {
                labels[row] = TensorPrimitives.IndexOfMax(answers.Slice(row * width, width));
            }

            final = final.Length == 0 ? labels : final;
            for (var row = 0; row < labels.Length; row++)
            {
                settled[row] &= labels[row] == final[row];
                if (settled[row])
                {
                    hardness[row] = checkpoint;
                }
            }
        }

        return hardness;
    }

    /// <summary>Numbers within the class, and the inputs projected.</summary>
    private sealed class PatternScores(int rows, int columns) : MonitorScores(rows, columns)
    {
        private readonly float[] _projected = new float[rows * Projection.Width];

        public Span<float> Projected(int row) => _projected.AsSpan(row * Projection.Width, Projection.Width);
    }
}
