using Microsoft.Extensions.Logging;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;

namespace Monitoring.Hosting;

/// <summary>Fits profiles from the reference data that a model's configuration names: what <c>fit</c> does, and the first start.</summary>
public sealed partial class ReferenceFitter(
    LoadedConfiguration configuration,
    ModelCatalog catalog,
    MonitorPlanner planner,
    MonitorKinds kinds,
    ProfileStores stores,
    ILogger<ReferenceFitter> logger)
{
    /// <summary>Who approves what the configuration names.</summary>
    private const string Author = "configuration";

    /// <summary>Reads a model's reference file and runs it through the model where it is served here.</summary>
    /// <exception cref="InvalidDataException">The file cannot be read, or does not fit the model.</exception>
    public ReferenceData Load(ModelConfiguration model, ModelDescription description, string file)
    {
        var path = configuration.Resolve(file);
        float[] values;
        if (Path.GetExtension(path) == ".npy")
        {
            var array = NpyFile.Read(path);
            if (array.Width != description.Width)
            {
                throw new InvalidDataException($"{file}: rows have {array.Width} values, model '{model.Name}' takes {description.Width}");
            }

            values = array.Values;
        }
        else
        {
            values = TableEncoding.Encode(Table.Read(path), description.Schema, path);
        }

        var rows = values.Length / description.Width;
        return ReferenceData.Split(ReferenceData.FromMatrix(description, values, rows, catalog.Run(model, description, values, rows)), labels: Labels(model, rows));
    }

    private float[]? Labels(ModelConfiguration model, int rows)
    {
        if (model.ReferenceLabels is not { } file)
        {
            return null;
        }

        try
        {
            var labels = Table.ReadNumbers(configuration.Resolve(file), "label");
            return labels.Length == rows ? Array.ConvertAll(labels, v => (float)v) : throw new InvalidDataException($"{file}: {labels.Length} labels for {rows} reference rows of model '{model.Name}'");
        }
        catch (TableFormatException e)
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    /// <summary>Fits the monitors of one group on reference data, keeps the profile and approves it.</summary>
    /// <param name="group">Group.</param>
    /// <param name="model">The model.</param>
    /// <param name="reference">Clean data.</param>
    /// <param name="author">Who says that this is normal.</param>
    /// <param name="origin">Where the data come from, for people.</param>
    /// <param name="reason">Why it is normal, for the record.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The profile and what is to be said of it; null when the group watches nothing of this model.</returns>
    public async Task<FittedProfile?> FitAsync(string group, ModelConfiguration model, ReferenceData reference, string author, string origin, string reason, CancellationToken cancellationToken)
    {
        var monitors = planner.MonitorsOf(model).Where(m => MonitorPlanner.GroupOf(m.Kind.Family) == group).Select(m => m.Monitor).ToList();
        if (monitors.Count == 0)
        {
            return null;
        }

        var fitted = await new ProfileFitter(kinds, catalog.Answer).FitAsync(monitors, reference, origin, model.SessionGap, cancellationToken).ConfigureAwait(false);
        foreach (var warning in fitted.Warnings)
        {
            LogWarning(logger, model.Name, group, warning);
        }

        var sha256 = stores[group].Save(fitted.Profile, fitted.Warnings);
        stores[group].Approve(model.Name, fitted.Profile.Model.Version, sha256, author, reason);
        LogFitted(logger, model.Name, group, fitted.Profile.Draws, sha256);
        return fitted;
    }

    /// <summary>
    /// The approved profile of a model in a group; fitted now when there is none and the configuration names reference data, and fitted again when the one in use came from the configuration too, but from another file or without a monitor
    /// that is wanted now. What a person approved stays. Null: to be learned from traffic.
    /// </summary>
    public async Task<string?> EnsureAsync(string group, ModelConfiguration model, ModelDescription? description, CancellationToken cancellationToken)
    {
        var decision = stores[group].History(model.Name, model.Version).LastOrDefault();
        var reason = $"fitted from {model.Reference}";
        if (decision is not null && (model.Reference is null || decision.Author != Author || (decision.Reason == reason && Covers(group, model, decision.Sha256))))
        {
            return decision.Sha256;
        }

        if (model.Reference is null)
        {
            return null;
        }

        if (description is null)
        {
            throw new InvalidDataException($"model '{model.Name}': reference data need a schema file or an ONNX file that says what a row is");
        }

        return (await FitAsync(group, model, Load(model, description, model.Reference), Author, "reference", reason, cancellationToken).ConfigureAwait(false))?.Profile.Sha256();
    }

    private bool Covers(string group, ModelConfiguration model, string sha256)
    {
        var profile = stores[group].Load(model.Name, model.Version, sha256);
        return planner.MonitorsOf(model).Where(m => MonitorPlanner.GroupOf(m.Kind.Family) == group).All(m =>
            profile.Monitor(m.Monitor.Name) is { } fitted && fitted.Kind == m.Kind.Name && fitted.Options == MonitorOptions.Canonical(MonitorOptions.Create(m.Kind, m.Monitor.Options)));
    }

    [LoggerMessage(EventId = 1101, Level = LogLevel.Information, Message = "{Model}: profile of group {Group} fitted from {Draws} reference draws: {Sha256}")]
    private static partial void LogFitted(ILogger logger, string model, string group, int draws, string sha256);

    [LoggerMessage(EventId = 1102, Level = LogLevel.Warning, Message = "{Model}: {Group}: {Warning}")]
    private static partial void LogWarning(ILogger logger, string model, string group, string warning);
}
