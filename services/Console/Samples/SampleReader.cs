using System.Collections.Concurrent;
using System.Globalization;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Images;
using Monitoring.Incidents;
using Monitoring.Storage;

namespace Monitoring.WebConsole.Samples;

/// <summary>Reads pinned events in the words of their model's schema. Sensitive features stay hidden.</summary>
internal sealed class SampleReader(LoadedConfiguration configuration, ModelCatalog catalog)
{
    private const int MaxCells = 40;
    private readonly ConcurrentDictionary<string, Lazy<ModelDescription?>> _models = new(StringComparer.Ordinal);

    /// <summary>The first row of a pinned event.</summary>
    public SampleRow Read(PinnedEvidence evidence) => Parse(evidence) is { } call
        ? Read(call, evidence.EventId, 0)
        : new SampleRow(evidence.EventId, 0, UnixNano.ToTime(evidence.TimeUnixNano), "", "", false, [], "the event cannot be decoded");

    /// <summary>A row of an event.</summary>
    public SampleRow Read(InferenceEvent call, string eventId, int row)
    {
        if (call.Inputs.Any(i => i.Artifact is not null))
        {
            return Unreadable("too large for the log: it lies in the artifact store");
        }

        if (Describe(call) is not { } model || EventRowReader.Read(model, call) is not { } batch || row >= batch.Count)
        {
            return Unreadable(call.Violations.Count > 0 ? $"does not fit the schema: {call.Violations[0].Feature} {call.Violations[0].Kind}" : "does not fit the model's schema");
        }

        return new SampleRow(
            eventId,
            row,
            UnixNano.ToTime(call.TimeUnixNano),
            call.Client?.Id ?? "",
            Answer(model, batch, row),
            model.Schema.Image is not null,
            model.Schema.Image is null ? Cells(model.Schema, batch.Input(row)) : [],
            model.Schema.Image is not null && model.Schema.Features[0].Sensitive ? "hidden: the schema says that it is sensitive" : "");

        SampleRow Unreadable(string problem) => new(eventId, row, UnixNano.ToTime(call.TimeUnixNano), call.Client?.Id ?? "", "", false, [], problem);
    }

    /// <summary>The picture of a pinned event's first row; null where it is no image or must not be seen.</summary>
    public byte[]? Picture(PinnedEvidence evidence) => Parse(evidence) is { } call ? Picture(call, 0) : null;

    /// <summary>The picture of a row; null where it is no image or must not be seen.</summary>
    public byte[]? Picture(InferenceEvent call, int row) => Image(call, row) is var (layout, values) ? InputImage.Render(layout, values) : null;

    /// <summary>The picture with an explanation drawn over it; null where the explanation is not about this image's pixels.</summary>
    public byte[]? Picture(PinnedEvidence evidence, Explanation explanation)
    {
        if (Parse(evidence) is not { } call || Image(call, 0) is not var (layout, row) || explanation.Attributions is not { Datatype: "FP32" } tensor || tensor.Data.Length != layout.Height * layout.Width * sizeof(float))
        {
            return null;
        }

        var heat = new double[layout.Height * layout.Width];
        for (var i = 0; i < heat.Length; i++)
        {
            heat[i] = BitConverter.ToSingle(tensor.Data.Span[(i * sizeof(float))..]);
        }

        return HeatMap.RenderPixels(layout, row, heat);
    }

    /// <summary>How a person answers for a model: the names of its classes; null where the answer is a number; empty where the classes have no names.</summary>
    public IReadOnlyList<string>? Classes(InferenceEvent call) => Describe(call) is not { } model ? []
        : model.Schema.Classes.Count == 0 && model.IndexOf(OutputRole.Probabilities) < 0 && model.IndexOf(OutputRole.Regression) >= 0 ? null
        : model.Schema.Classes;

    private (ImageLayout Layout, float[] Row)? Image(InferenceEvent call, int row) =>
        Describe(call) is { Schema: { Image: { } image } schema } model
        && !schema.Features[0].Sensitive
        && EventRowReader.Read(model, call) is { } batch
        && row < batch.Count
            ? (image, batch.Input(row).ToArray())
            : null;

    /// <summary>What is known of the model before its events, kept; an event tells the rest.</summary>
    public ModelDescription? Describe(InferenceEvent call) => ModelDescriptions.Infer(call, Known(call.Model));

    /// <summary>What is known of a model before its events; null for models whose events alone tell it, or whose file is not on this machine.</summary>
    public ModelDescription? Known(string model) => _models.GetOrAdd(model, name => new Lazy<ModelDescription?>(() =>
    {
        try
        {
            return configuration.Value.Models.FirstOrDefault(m => m.Name == name) is { } found ? catalog.Describe(found) : null;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or NotSupportedException or Scoring.ScoringException)
        {
            return null;
        }
    })).Value;

    private static InferenceEvent? Parse(PinnedEvidence evidence)
    {
        if (evidence.Topic != Topics.InferenceEvents)
        {
            return null;
        }

        try
        {
            return InferenceEvent.Parser.ParseFrom(evidence.Payload);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static string Answer(ModelDescription model, RowBatch batch, int row)
    {
        var probabilities = model.IndexOf(OutputRole.Probabilities);
        if (batch.PredictedClass(row) is >= 0 and var predicted)
        {
            var name = predicted < model.Schema.Classes.Count ? model.Schema.Classes[predicted] : predicted.ToString(CultureInfo.InvariantCulture);
            if (!batch.HasOutput(probabilities))
            {
                return name;
            }

            var scores = batch.Output(probabilities, row);
            var share = scores.Length == 1 ? (predicted == 1 ? scores[0] : 1 - scores[0]) : scores[predicted];
            return string.Create(CultureInfo.InvariantCulture, $"{name} ({share * 100:0.#} %)");
        }

        var regression = model.IndexOf(OutputRole.Regression);
        return batch.HasOutput(regression) ? batch.Output(regression, row)[0].ToString("G5", CultureInfo.InvariantCulture) : "";
    }

    private static List<(string Name, string Value)> Cells(ModelSchema schema, ReadOnlySpan<float> row)
    {
        var cells = new List<(string, string)>();
        var column = 0;
        foreach (var feature in schema.Features)
        {
            if (cells.Count == MaxCells)
            {
                break;
            }

            cells.Add((feature.Name, feature.Sensitive ? "hidden" : feature.Width > 1 ? $"{feature.Width} numbers" : Show(feature, row[column])));
            column += feature.Width;
        }

        return cells;
    }

    private static string Show(FeatureSchema feature, float value) =>
        float.IsNaN(value) ? "missing"
        : feature.Categories.Count > 0 ? (value >= 0 && value < feature.Categories.Count ? feature.Categories[(int)value] : "unknown category")
        : string.Create(CultureInfo.InvariantCulture, $"{value:G6}{(feature.Unit.Length > 0 ? " " + feature.Unit : "")}");
}
