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
    private readonly QueryPatternParameters _parameters;
    private readonly ScoringKernels _kernels;
    private readonly IReadOnlyList<ScoringModel> _checkpoints;
    private readonly ClientTable<RecentInputs> _clients;
    private readonly ulong _seed;
    private readonly bool _cohorts;
    private readonly int _probabilities;
    private readonly int _embedding;

    public QueryPatternMonitor(ModelDescription model, QueryPatternParameters parameters, ScoringKernels kernels, IReadOnlyList<ScoringModel> checkpoints, QueryPatternOptions options, ulong seed)
    {
        _parameters = parameters;
        _kernels = kernels;
        _checkpoints = checkpoints;
        _clients = new ClientTable<RecentInputs>(options.Clients);
        _seed = seed;
        _cohorts = options.Cohorts;
        _probabilities = model.IndexOf(OutputRole.Probabilities);
        _embedding = model.IndexOf(OutputRole.Embedding);
        var names = new List<string> { "input distance" };
        if (_probabilities >= 0)
        {
            names.Add("answer entropy");
        }

        if (parameters.Embeddings is not null)
        {
            names.Add("embedding distance");
        }

        if (checkpoints.Count > 0)
        {
            names.Add("hardness");
        }

        Variables = [.. names.Select(n => new Variable(n) { Group = n, PerSubject = true, EveryRow = true })];
    }

    public IReadOnlyList<Variable> Variables { get; }

    public IMonitorState State => _clients;

    public ValueTask<MonitorScores> ScoreAsync(RowBatch rows, CancellationToken cancellationToken)
    {
        var scores = new MonitorScores(rows.Count, Variables.Count);
        for (var variable = 0; variable < Variables.Count; variable++)
        {
            var values = Variables[variable].Name switch
            {
                "input distance" => Nearest(QueryPatternParameters.Scale(rows.Inputs, rows.Count, _parameters.Scales), _parameters.Inputs, cancellationToken),
                "answer entropy" => rows.HasOutput(_probabilities) ? [.. Enumerable.Range(0, rows.Count).Select(r => Entropy(rows.Output(_probabilities, r)))] : [],
                "embedding distance" => rows.HasOutput(_embedding)
                    ? Nearest(new Matrix<float>(rows.Outputs(_embedding), rows.Count, rows.Model.Outputs[_embedding].Width), _parameters.Embeddings!.Value, cancellationToken)
                    : [],
                _ => Hardness(rows, cancellationToken),
            };
            for (var row = 0; row < rows.Count; row++)
            {
                scores.Values[(row * scores.Columns) + variable] = values.Length == 0 ? float.NaN : values[row];
            }
        }

        return ValueTask.FromResult(scores);
    }

    public void Apply(RowBatch rows, int row, MonitorScores scores, IObservationSink sink)
    {
        ref readonly var info = ref rows.Rows[row];
        var hash = StableHash.Of(MemoryMarshal.AsBytes(rows.Input(row)), _seed);

        // Rows without a client calibrate (a reference from a file names none); the runtime blames nobody for them.
        if (info.Client.Length == 0 || _clients.Touch(info.Client).Admit(hash))
        {
            Observe(row, info.Client, scores, sink);
        }

        // Accounts of one address prefix or key family that ask together are one more subject.
        var caller = _cohorts && info.Client.Length > 0 && info.Event < rows.Events.Count ? rows.Events[info.Event].Client : null;
        if (caller?.AddressPrefix is { Length: > 0 } prefix)
        {
            ObserveCohort(row, "cohort of addresses " + prefix, info.Client, hash, scores, sink);
        }

        if (caller?.KeyFamily is { Length: > 0 } family)
        {
            ObserveCohort(row, "cohort of keys " + family, info.Client, hash, scores, sink);
        }
    }

    public void Describe(AlarmContext alarm, FindingDetails details)
    {
        if (_clients.Find(alarm.Subject) is { } client)
        {
            var who = client.Accounts.Count > 0 ? $"The {client.Accounts.Count} accounts of the {alarm.Subject} together: their" : $"Client {alarm.Subject}'s";
            details.Summary = $"{who} {client.Queries} distinct queries are not what honest clients ask, most in {Variables[Math.Max(0, alarm.Variable)].Name}: someone may be copying the model";
            details.Measures["queries"] = client.Queries;
            details.Clients.AddRange(client.Accounts);
        }
    }

    private void ObserveCohort(int row, string cohort, string client, ulong hash, MonitorScores scores, IObservationSink sink)
    {
        var members = _clients.Touch(cohort);

        // One account alone is judged under its own name.
        if (members.Join(client) > 1 && members.Admit(hash))
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

    /// <summary>Entropy of probabilities, in nats.</summary>
    private static float Entropy(ReadOnlySpan<float> probabilities)
    {
        double entropy = 0;
        foreach (var p in probabilities)
        {
            entropy -= p > 0 ? p * Math.Log(p) : 0;
        }

        return (float)entropy;
    }

    private float[] Nearest(Matrix<float> queries, Matrix<float> reference, CancellationToken cancellationToken) =>
        _kernels.NearestNeighbours(queries, reference, 1, cancellationToken).Distances;

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
}
