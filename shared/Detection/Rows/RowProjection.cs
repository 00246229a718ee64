using System.Globalization;

namespace Monitoring.Detection;

/// <summary>Rows as a monitor is to see them: inputs, outputs, a score of the outputs, an exported tensor, or the embedding of an encoder. Pure.</summary>
public sealed class RowProjection
{
    public const string Auto = "auto";
    private const string Inputs = "inputs";
    private const int BatchRows = 1024;
    private readonly Action<RowBatch, int, Span<float>>? _read;
    private readonly int _width;
    private readonly RowGraph? _encoder;
    private readonly string _encoderOutput = "";

    private RowProjection(ModelDescription described, Action<RowBatch, int, Span<float>>? read, int width, RowGraph? encoder, string encoderOutput)
    {
        Description = described;
        _read = read;
        _width = width;
        _encoder = encoder;
        _encoderOutput = encoderOutput;
    }

    /// <summary>The model as the projected rows show it.</summary>
    public ModelDescription Description { get; }

    /// <summary>The projection that the options ask for; null where the inputs themselves are watched.</summary>
    /// <param name="kind">Kind, for messages.</param>
    /// <param name="model">The model version.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="preferred">What <c>auto</c> tries first, in order; then the inputs.</param>
    /// <param name="encoder">The encoder for rows of a width; null without one.</param>
    /// <exception cref="FitException">The model has no such output.</exception>
    public static RowProjection? Of(string kind, ModelDescription model, RowOptions options, IReadOnlyList<string> preferred, Func<int, RowGraph>? encoder)
    {
        var on = options.On is Auto or "" ? preferred.FirstOrDefault(p => Find(model, p) is not null) ?? Inputs : options.On;
        if (on == Inputs && encoder is null)
        {
            return null;
        }

        var (features, read) = on == Inputs ? (model.Schema.Features, null) : Find(model, on)
            ?? throw new FitException($"{kind}: model {model.Name} has no '{on}' to watch; it has inputs{string.Concat(new[] { "outputs", "entropy", "doubt" }.Where(p => Find(model, p) is not null).Select(p => ", " + p))}{string.Concat(model.Outputs.Select(o => ", " + o.Name))}");
        var classes = model.Schema.Classes;
        var width = features.Sum(f => f.Width);
        if (encoder is null)
        {
            return new RowProjection(model with { Schema = new ModelSchema(features) { Classes = classes } }, read, width, null, "");
        }

        var graph = encoder(width);
        var output = options.EncoderOutput.Length > 0 ? options.EncoderOutput : graph.Outputs[0].Name;
        if (graph.Outputs.All(o => o.Name != output))
        {
            throw new FitException($"{kind}: the encoder has no output '{output}'; it has: {string.Join(", ", graph.Outputs.Select(o => o.Name))}");
        }

        // The width of an embedding may be free in the file: one row tells it.
        int embedding;
        try
        {
            embedding = graph.Run(new float[width], 1, output, CancellationToken.None).Width;
        }
        catch (Scoring.ScoringException e)
        {
            throw new FitException($"{kind}: the encoder cannot read such rows: {e.Message}");
        }

        return new RowProjection(
            model with { Schema = new ModelSchema([.. Names(output, embedding).Select(n => new FeatureSchema(n))]) { Classes = classes } },
            read,
            width,
            graph,
            output);
    }

    public RowBatch Apply(RowBatch rows, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<float> values = rows.Inputs;
        if (_read is not null)
        {
            var read = new float[(long)rows.Count * _width];
            for (var row = 0; row < rows.Count; row++)
            {
                _read(rows, row, read.AsSpan(row * _width, _width));
            }

            values = read;
        }

        if (_encoder is null)
        {
            return rows.With(Description, values.ToArray());
        }

        var embeddings = new float[(long)rows.Count * Description.Width];
        for (var first = 0; first < rows.Count; first += BatchRows)
        {
            var count = Math.Min(BatchRows, rows.Count - first);
            var (part, _) = _encoder.Run(values.Slice(first * _width, count * _width), count, _encoderOutput, cancellationToken);
            part.CopyTo(embeddings, (long)first * Description.Width);
        }

        foreach (ref var value in embeddings.AsSpan())
        {
            // What the encoder could not embed is missing.
            value = float.IsFinite(value) ? value : float.NaN;
        }

        return rows.With(Description, embeddings);
    }

    private static (IReadOnlyList<FeatureSchema> Features, Action<RowBatch, int, Span<float>>? Read)? Find(ModelDescription model, string on)
    {
        int probabilities = model.IndexOf(OutputRole.Probabilities), logits = model.IndexOf(OutputRole.Logits);
        var regression = model.IndexOf(OutputRole.Regression);
        switch (on)
        {
            case "outputs":
                var output = probabilities >= 0 ? probabilities : logits >= 0 ? logits : regression >= 0 ? regression : model.IndexOf(OutputRole.Label);
                return output < 0 ? null : Tensor(model, output);
            case "entropy" or "doubt" when probabilities >= 0 || logits >= 0:
                return ([new FeatureSchema("output " + on) { Unit = on == "entropy" ? "nats" : "" }], (rows, row, target) =>
                {
                    var scores = probabilities >= 0 ? rows.Output(probabilities, row) : Probabilities(rows.Output(logits, row));
                    target[0] = on == "entropy" ? OutputScores.Entropy(scores) : OutputScores.Doubt(scores);
                }
                );
            default:
                var index = model.IndexOf(on);
                return index < 0 ? null : Tensor(model, index);
        }
    }

    private static (IReadOnlyList<FeatureSchema> Features, Action<RowBatch, int, Span<float>> Read) Tensor(ModelDescription model, int output)
    {
        var tensor = model.Outputs[output];
        FeatureSchema[] features = tensor.Role == OutputRole.Label && tensor.Width == 1 && model.Schema.Classes.Count > 0
            ? [new FeatureSchema(tensor.Name) { Type = FeatureType.Categorical, Categories = model.Schema.Classes }]
            : [.. Names(tensor.Name, tensor.Width).Select(n => new FeatureSchema(n))];
        return (features, (rows, row, target) =>
        {
            if (rows.HasOutput(output))
            {
                rows.Output(output, row).CopyTo(target);
            }
            else
            {
                target.Fill(float.NaN);
            }
        }
        );
    }

    private static float[] Probabilities(ReadOnlySpan<float> logits)
    {
        var probabilities = logits.ToArray();
        if (probabilities.Length > 0)
        {
            OutputScores.Softmax(probabilities);
        }

        return probabilities;
    }

    private static IEnumerable<string> Names(string tensor, int width) =>
        width == 1 ? [tensor] : Enumerable.Range(0, width).Select(i => string.Create(CultureInfo.InvariantCulture, $"{tensor}[{i}]"));
}
