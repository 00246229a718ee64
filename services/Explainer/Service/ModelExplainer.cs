using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Images;
using Monitoring.Hosting.Tables;
using Monitoring.Scoring;

namespace Monitoring.Explainer;

/// <summary>Explains rows of one model version with what its configuration offers: schema, reference rows, the ONNX file. Thread-safe.</summary>
internal sealed class ModelExplainer : IDisposable
{
    private const int MaxReferenceRows = 6000;
    private const int BackgroundRows = 20;
    private const int Seed = 0;

    private readonly ScoringModel _loaded;
    private readonly ScoringRowModel _model;
    private readonly PerturbationEngine _engine;
    private readonly FeatureGroups _groups;
    private readonly Background _background;
    private readonly float[]? _referenceRows;
    private readonly Lazy<CoalitionDesign> _design;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private ReferenceRows? _reference;

    private ModelExplainer(ModelConfiguration model, string version, ModelSchema schema, ScoringModel loaded, ScoringRowModel rows, float[]? reference, int? samples)
    {
        Name = model.Name;
        Version = version;
        Schema = schema;
        _loaded = loaded;
        _model = rows;
        _engine = new PerturbationEngine(rows);
        _groups = FeatureGroups.Of(schema);
        _referenceRows = reference;
        _background = reference is null
            ? new Background([.. Enumerable.Repeat(schema.Image?.Minimum ?? 0, rows.Columns)], 1)
            : schema.Image is not null ? Background.Mean(reference, reference.Length / rows.Columns) : Background.Sample(reference, reference.Length / rows.Columns, BackgroundRows, Seed);
        _design = new Lazy<CoalitionDesign>(() => CoalitionDesign.Create(_groups.Count, samples ?? CoalitionDesign.DefaultSamples(_groups.Count), Seed));
    }

    /// <summary>Names of the methods.</summary>
    public static IReadOnlyList<string> Methods { get; } = ["kernel-shap", "permutation", "occlusion", "similar", "counterfactual"];

    public string Name { get; }

    public string Version { get; }

    public ModelSchema Schema { get; }

    public int Columns => _model.Columns;

    /// <summary>Rows of the clean reference; 0 where the configuration names none.</summary>
    public int ReferenceCount => (_referenceRows?.Length ?? 0) / _model.Columns;

    /// <summary>Opens a version of a configured model.</summary>
    /// <param name="configuration">Configuration.</param>
    /// <param name="catalog">Describes the model.</param>
    /// <param name="scoring">Runs it.</param>
    /// <param name="name">Model.</param>
    /// <param name="version">Version; empty for the current one.</param>
    /// <param name="samples">KernelSHAP's coalitions; null for 2M + 2048.</param>
    /// <exception cref="NotSupportedException">The model is not served here, or is of a form that cannot be explained.</exception>
    public static ModelExplainer Open(LoadedConfiguration configuration, ModelCatalog catalog, ScoringRuntime scoring, string name, string version, int? samples = null)
    {
        var model = configuration.Value.Models.FirstOrDefault(m => m.Name == name) ?? throw new NotSupportedException($"model '{name}' is not configured");
        var onnx = version.Length == 0 || version == model.Version ? model.Onnx : model.Versions.FirstOrDefault(v => v.Version == version)?.Onnx;
        if (onnx is null)
        {
            throw new NotSupportedException($"version '{version}' of model '{name}' is not served here as ONNX: it cannot be asked about other inputs");
        }

        var description = catalog.Describe(model with { Onnx = onnx }) ?? throw new NotSupportedException($"model '{name}': what a row is, is not known");
        var probabilities = description.IndexOf(OutputRole.Probabilities);
        var loaded = scoring.LoadFile(name, configuration.Resolve(onnx.Path), onnx.Sha256);
        try
        {
            var rows = new ScoringRowModel(loaded, description.Width, probabilities >= 0 ? description.Outputs[probabilities].Name : null);
            float[]? reference = null;
            if (model.Reference is { } file && Path.GetExtension(file) == ".npy")
            {
                var table = NpyFile.Read(configuration.Resolve(file));
                if (table.Width != rows.Columns)
                {
                    throw new NotSupportedException($"{file}: rows have {table.Width} values, model '{name}' takes {rows.Columns}");
                }

                reference = table.Values.Length > MaxReferenceRows * rows.Columns ? table.Values[..(MaxReferenceRows * rows.Columns)] : table.Values;
            }

            return new ModelExplainer(model, version.Length == 0 ? model.Version : version, description.Schema, loaded, rows, reference, samples);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Explains a row. The explanation lacks what only the caller knows: ids and time.</summary>
    /// <exception cref="NotSupportedException">The method needs reference rows that the configuration does not name, or the row does not fit.</exception>
    public async Task<(Explanation Explanation, Drawing? Drawing)> ExplainAsync(string method, float[] row, PerturbationRequest options, CancellationToken cancellationToken)
    {
        if (row.Length != _model.Columns)
        {
            throw new NotSupportedException($"the row has {row.Length} numbers, model '{Name}' takes {_model.Columns}");
        }

        switch (method)
        {
            case "similar":
                return await SimilarAsync(row, options, cancellationToken).ConfigureAwait(false);
            case "counterfactual":
                return await CounterfactualAsync(row, options, cancellationToken).ConfigureAwait(false);
            default:
                var attribution = await AttributeAsync(method, row, options, cancellationToken).ConfigureAwait(false);
                return (Describe(attribution, row), Draw(attribution, row));
        }
    }

    /// <summary>Attributions of a row by one of the attribution methods.</summary>
    public Task<Attribution> AttributeAsync(string method, float[] row, PerturbationRequest options, CancellationToken cancellationToken) => method switch
    {
        "kernel-shap" when _groups.Count >= 2 => new KernelShap(_engine, _groups, _background, _design.Value).ExplainAsync(row, options, cancellationToken),
        "permutation" => new PermutationShapley(_engine, _groups, _background, orders: 16, Seed).ExplainAsync(row, options, cancellationToken),
        "occlusion" when Schema.Image is { } image =>
            Occlusion.ForImage(_engine, image, _background, Math.Max(1, Math.Min(image.Height, image.Width) / 7), Math.Max(1, Math.Min(image.Height, image.Width) / 14)).ExplainAsync(row, options, cancellationToken),
        "occlusion" or "kernel-shap" => Occlusion.ForGroups(_engine, _groups, _background).ExplainAsync(row, options, cancellationToken),
        _ => throw new NotSupportedException($"there is no method '{method}'; methods are {string.Join(", ", Methods)}"),
    };

    /// <summary>A row of the reference.</summary>
    public float[] ReferenceRow(int index) => _referenceRows![(index * Columns)..((index + 1) * Columns)];

    /// <summary>Groups that attributions are about.</summary>
    public FeatureGroups Groups => _groups;

    public void Dispose()
    {
        _gate.Dispose();
        _loaded.Dispose();
    }

    private async Task<(Explanation, Drawing?)> SimilarAsync(float[] row, PerturbationRequest options, CancellationToken cancellationToken)
    {
        var reference = await ReferenceAsync(options, cancellationToken).ConfigureAwait(false);
        var nearest = reference.Nearest(row, 5);
        var explanation = new Explanation { Model = Name, ModelVersion = Version, Method = "similar", Output = _model.OutputName, Seed = Seed };
        explanation.Rows = Tensor([.. nearest.SelectMany(n => reference.Row(n.Row).ToArray())], [nearest.Count, Columns]);
        explanation.RowIds.AddRange(nearest.Select(n => reference.Ids[n.Row]));
        explanation.Features.AddRange(nearest.Select(n => string.Create(CultureInfo.InvariantCulture, $"{ClassName(reference.Classes[n.Row])} at {n.Distance:G4}")));
        return (explanation, nearest.Count > 0 ? Difference(row, reference.Row(nearest[0].Row).ToArray()) : null);
    }

    private async Task<(Explanation, Drawing?)> CounterfactualAsync(float[] row, PerturbationRequest options, CancellationToken cancellationToken)
    {
        var reference = await ReferenceAsync(options, cancellationToken).ConfigureAwait(false);
        var found = await new Counterfactual(_engine, _groups, reference).SearchAsync(row, null, options, cancellationToken).ConfigureAwait(false)
            ?? throw new NotSupportedException($"the reference of model '{Name}' holds no row of another class");
        var explanation = new Explanation
        {
            Model = Name,
            ModelVersion = Version,
            Method = "counterfactual",
            Output = $"{ClassName(found.FromClass)} → {ClassName(found.ToClass)}",
            OutputIndex = found.ToClass,
            Rows = Tensor(found.Row, [1, Columns]),
            Seed = Seed,
            ModelCalls = found.Rows,
        };
        explanation.RowIds.Add(reference.Ids[found.Start]);
        explanation.Features.AddRange(found.Changed.Select(g => _groups.Names[g]));
        return (explanation, Difference(row, found.Row));
    }

    /// <summary>Reference rows with their classes; the model is asked once.</summary>
    private async Task<ReferenceRows> ReferenceAsync(PerturbationRequest options, CancellationToken cancellationToken)
    {
        if (_referenceRows is not { } rows)
        {
            throw new NotSupportedException($"model '{Name}' has no reference rows: set models[].reference to a .npy file");
        }

        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_reference is { } known)
            {
                return known;
            }

            var count = rows.Length / Columns;
            var scores = await _engine.RunAsync(options with { Rows = count, Budget = Math.Max(options.Budget, count), Fill = (first, n, batch) => rows.AsSpan(first * Columns, n * Columns).CopyTo(batch) }, cancellationToken).ConfigureAwait(false);
            var classes = Enumerable.Range(0, count).Select(i => Counterfactual.Top(scores.AsSpan(i * _model.Outputs, _model.Outputs), _model.Outputs)).ToArray();
            return _reference = new ReferenceRows(rows, count, classes, standardise: Schema.Image is null);
        }
        finally
        {
            _gate.Release();
        }
    }

    private Explanation Describe(Attribution attribution, float[] row)
    {
        var top = attribution.TopOutput;
        var explanation = new Explanation
        {
            Model = Name,
            ModelVersion = Version,
            Method = attribution.Method,
            Output = ClassName(top),
            OutputIndex = top,
            Value = attribution.Value[top],
            Base = attribution.Base[top],
            Seed = Seed,
            ModelCalls = attribution.Rows,
        };
        if (Schema.Image is { } image)
        {
            var columns = attribution.PerColumn(top);
            var pixels = new float[image.Height * image.Width];
            for (var i = 0; i < pixels.Length; i++)
            {
                for (var c = 0; c < image.Channels; c++)
                {
                    pixels[i] += (float)columns[FeatureGroups.ColumnOf(image, i / image.Width, i % image.Width, c)];
                }
            }

            explanation.Attributions = Tensor(pixels, [image.Height, image.Width]);
        }
        else
        {
            explanation.Features.AddRange(FeatureNames(row));
            explanation.Attributions = Tensor([.. attribution.Of(top).Select(v => (float)v)], [_groups.Count]);
        }

        return explanation;
    }

    private Drawing Draw(Attribution attribution, float[] row)
    {
        var top = attribution.TopOutput;
        return Schema.Image is { } image
            ? new Drawing("png", HeatMap.Render(image, row, attribution.PerColumn(top)))
            : new Drawing("svg", System.Text.Encoding.UTF8.GetBytes(BarChart.Render(FeatureNames(row), attribution.Of(top), string.Create(CultureInfo.InvariantCulture, $"{Name}: {ClassName(top)} {attribution.Value[top]:0.###}, usually {attribution.Base[top]:0.###}"))));
    }

    /// <summary>What would have to change: red is more, blue is less.</summary>
    private Drawing? Difference(float[] row, float[] other) =>
        Schema.Image is { } image ? new Drawing("png", HeatMap.Render(image, row, [.. row.Zip(other, (a, b) => (double)(b - a))])) : null;

    private string[] FeatureNames(float[] row) =>
        [.. Schema.Features.Select((f, i) => f.Sensitive ? f.Name : f.Categories.Count > 0 && row[i] >= 0 && row[i] < f.Categories.Count ? $"{f.Name} = {f.Categories[(int)row[i]]}" : string.Create(CultureInfo.InvariantCulture, $"{f.Name} = {row[i]:G5}{(f.Unit.Length > 0 ? " " + f.Unit : "")}"))];

    public string ClassName(int index) => index < Schema.Classes.Count ? Schema.Classes[index] : index.ToString(CultureInfo.InvariantCulture);

    private static Tensor Tensor(float[] values, long[] shape)
    {
        var tensor = new Tensor { Name = "rows", Datatype = "FP32", Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)) };
        tensor.Shape.AddRange(shape);
        return tensor;
    }
}
