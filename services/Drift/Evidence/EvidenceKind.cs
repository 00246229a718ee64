using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>The kind <c>evidence</c>, the default; see README.md beside it.</summary>
public sealed class EvidenceKind : MonitorKind<EvidenceMonitorOptions>
{
    public override string Name => "evidence";

    public override string Description => "Any lasting change of inputs or outputs: calibrated evidence on every variable, combined into one alarm.";

    public override Family Family => Family.Drift;

    public override bool CarriesOver => true;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, EvidenceMonitorOptions options, CancellationToken cancellationToken)
    {
        var variables = Variables(context.Model, options);
        if (variables.Count == 0)
        {
            throw new FitException($"evidence has nothing to watch on {context.Model.Name}: inputs, outputs and tensors are all switched off or absent");
        }

        if (context.Reference.All.Count < StreamReference.MinimumValues)
        {
            throw new FitException($"{context.Reference.All.Count} reference rows of {context.Model.Name}; evidence needs at least {StreamReference.MinimumValues}, and 5,000 to see a quarter of a standard deviation");
        }

        // Nothing is learned but the variables' own references, so all clean rows serve as reference: none needs to be held out.
        var rows = context.Reference.All;
        var values = new float[rows.Count * variables.Count];
        for (var row = 0; row < rows.Count; row++)
        {
            Fill(variables, rows, row, values.AsSpan(row * variables.Count, variables.Count));
        }

        int[] all = [.. Enumerable.Range(0, rows.Count)];
        return ValueTask.FromResult(new FittedParameters(ReadOnlyMemory<byte>.Empty,
        [
            .. Enumerable.Range(0, variables.Count).Select(v =>
                new CalibrationColumn(v, all, [.. all.Select(row => (double)values[(row * variables.Count) + v])])),
        ]));
    }

    protected override IMonitor Create(MonitorContext context, EvidenceMonitorOptions options) => new Monitor(Variables(context.Model, options));

    /// <summary>What is watched on a model: fixed by schema, outputs and options alone.</summary>
    internal static IReadOnlyList<WatchedVariable> Variables(ModelDescription model, EvidenceMonitorOptions options)
    {
        var variables = new List<WatchedVariable>();
        if (options.Inputs)
        {
            var column = 0;
            foreach (var feature in model.Schema.Features)
            {
                if (feature.Image is { } image)
                {
                    AddImage(variables, model.Schema.Features.Count == 1 ? "" : feature.Name + " ", image, column);
                }
                else
                {
                    AddColumn(variables, feature, column);
                }

                column += feature.Width;
            }
        }

        if (options.Outputs)
        {
            AddOutputs(variables, model);
        }

        foreach (var name in options.Tensors)
        {
            var output = model.IndexOf(name);
            if (output < 0)
            {
                throw new FitException($"model {model.Name} exports no tensor '{name}'; it has: {string.Join(", ", model.Outputs.Select(o => o.Name))}");
            }

            for (var component = 0; component < model.Outputs[output].Width; component++)
            {
                var at = component;
                variables.Add(new WatchedVariable(
                    new Variable($"{name}[{component}]") { Group = "tensor " + name, OfAnswers = true },
                    (rows, row) => rows.HasOutput(output) ? rows.Output(output, row)[at] : float.NaN));
            }
        }

        return variables;
    }

    private static void AddImage(List<WatchedVariable> variables, string prefix, ImageLayout layout, int column)
    {
        var plane = new ImagePlane(layout, column);
        foreach (var (name, at) in ImageStatistics.Names.Select((n, i) => (n, i)))
        {
            variables.Add(new WatchedVariable(new Variable(prefix + name) { Group = "image statistics" }, plane, at));
        }

        for (var block = 0; block < ImagePlane.Blocks && layout is { Width: >= ImageStatistics.BlocksPerSide, Height: >= ImageStatistics.BlocksPerSide }; block++)
        {
            var name = $"{prefix}block row {(block / ImageStatistics.BlocksPerSide) + 1} column {(block % ImageStatistics.BlocksPerSide) + 1}";
            variables.Add(new WatchedVariable(new Variable(name) { Group = "image blocks" }, plane, ImageStatistics.Names.Count + block));
        }
    }

    private static void AddColumn(List<WatchedVariable> variables, FeatureSchema feature, int column)
    {
        var categorical = feature.Type == FeatureType.Categorical;
        variables.Add(new WatchedVariable(
            new Variable(feature.Name) { Group = "columns", Unit = feature.Unit, Type = categorical ? VariableType.Categorical : VariableType.Numeric },
            (rows, row) => rows.Input(row)[column]));
        variables.Add(new WatchedVariable(
            new Variable(feature.Name + " missing") { Group = "missing", Type = VariableType.Categorical },
            (rows, row) => float.IsNaN(rows.Input(row)[column]) ? 1 : 0));
    }

    private static void AddOutputs(List<WatchedVariable> variables, ModelDescription model)
    {
        var probabilities = model.IndexOf(OutputRole.Probabilities);
        var logits = model.IndexOf(OutputRole.Logits);
        if (probabilities >= 0 || logits >= 0 || model.IndexOf(OutputRole.Label) >= 0)
        {
            variables.Add(new WatchedVariable(
                new Variable("predicted class") { Group = "predicted class", OfAnswers = true, Type = VariableType.Categorical },
                (rows, row) => rows.PredictedClass(row) is >= 0 and var predicted ? predicted : float.NaN));
        }

        if (probabilities >= 0)
        {
            variables.Add(new WatchedVariable(new Variable("output entropy") { Group = "output entropy", OfAnswers = true, Unit = "nats" }, (rows, row) => OutputScores.Entropy(rows.Output(probabilities, row))));
        }
        else if (logits >= 0)
        {
            variables.Add(new WatchedVariable(new Variable("output entropy") { Group = "output entropy", OfAnswers = true, Unit = "nats" }, (rows, row) => EntropyOfLogits(rows.Output(logits, row))));
        }

        var regression = model.IndexOf(OutputRole.Regression);
        for (var component = 0; regression >= 0 && component < model.Outputs[regression].Width; component++)
        {
            var at = component;
            var name = model.Outputs[regression].Width == 1 ? "prediction" : $"prediction[{component}]";
            variables.Add(new WatchedVariable(
                new Variable(name) { Group = "prediction", OfAnswers = true },
                (rows, row) => rows.HasOutput(regression) ? rows.Output(regression, row)[at] : float.NaN));
        }
    }

    internal static float EntropyOfLogits(ReadOnlySpan<float> logits)
    {
        if (logits.Length == 0)
        {
            return float.NaN;
        }

        // A single logit is that of the positive class against 0.
        ReadOnlySpan<float> scores = logits.Length == 1 ? [logits[0], 0] : logits;
        var greatest = float.NegativeInfinity;
        foreach (var score in scores)
        {
            greatest = MathF.Max(greatest, score);
        }

        double total = 0, weighted = 0;
        foreach (var score in scores)
        {
            var weight = Math.Exp(score - greatest);
            total += weight;
            weighted += weight > 0 ? weight * (score - greatest) : 0;
        }

        return (float)(Math.Log(total) - (weighted / total));
    }

    private static void Fill(IReadOnlyList<WatchedVariable> variables, RowBatch rows, int row, Span<float> values)
    {
        ImagePlane? described = null;
        for (var v = 0; v < variables.Count; v++)
        {
            if (variables[v].Plane is { } plane)
            {
                if (!ReferenceEquals(plane, described))
                {
                    plane.Describe(rows.Input(row), values.Slice(v, plane.Count));
                    described = plane;
                }
            }
            else
            {
                values[v] = variables[v].Read!(rows, row);
            }
        }
    }

    private sealed class Monitor(IReadOnlyList<WatchedVariable> watched) : RowScoringMonitor([.. watched.Select(w => w.Variable)])
    {
        protected override void Score(RowBatch rows, Span<float> scores)
        {
            for (var row = 0; row < rows.Count; row++)
            {
                Fill(watched, rows, row, scores.Slice(row * watched.Count, watched.Count));
            }
        }
    }
}
