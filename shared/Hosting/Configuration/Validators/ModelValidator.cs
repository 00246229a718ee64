namespace Monitoring.Hosting.Configuration;

/// <summary>Models: unique names, one source each, files that exist, client sources that are known.</summary>
internal sealed class ModelValidator : IConfigurationValidator
{
    private const string ClientSources = "api-key, token:CLAIM, header:NAME, attribute:NAME, metadata:NAME, address";

    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < configuration.Value.Models.Count; i++)
        {
            var model = configuration.Value.Models[i];
            var path = $"models[{i}]";
            if (model.Name.Length > 0 && !names.Add(model.Name))
            {
                report.Error($"{path}.name", $"'{model.Name}' is the name of an earlier model");
            }

            CheckServing(configuration, report, path, model.Onnx, model.Upstream);
            var versions = new HashSet<string>(StringComparer.Ordinal) { model.Version };
            for (var v = 0; v < model.Versions.Count; v++)
            {
                if (!versions.Add(model.Versions[v].Version))
                {
                    report.Error($"{path}.versions[{v}].version", $"'{model.Versions[v].Version}' is there twice");
                }

                CheckServing(configuration, report, $"{path}.versions[{v}]", model.Versions[v].Onnx, model.Versions[v].Upstream);
            }

            if (model.Fallback is { } fallback && !versions.Contains(fallback) && !(Uri.TryCreate(fallback, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"))
            {
                report.Error($"{path}.fallback", $"'{fallback}' is neither an http address nor a version; allowed: {string.Join(", ", versions.Order(StringComparer.Ordinal))}");
            }

            CheckFile(configuration, report, $"{path}.schema", model.Schema);
            CheckFile(configuration, report, $"{path}.reference", model.Reference);
            for (var c = 0; c < model.Client.Count; c++)
            {
                if (!IsClientSource(model.Client[c]))
                {
                    report.Error($"{path}.client[{c}]", $"'{model.Client[c]}' is not a source of identity; allowed: {ClientSources}");
                }
            }
        }
    }

    private static bool IsClientSource(string source)
    {
        var parts = source.Split(':', 2);
        return parts switch
        {
            ["api-key"] or ["address"] => true,
            ["token" or "header" or "attribute" or "metadata", { Length: > 0 }] => true,
            _ => false,
        };
    }

    private static void CheckServing(LoadedConfiguration configuration, ValidationReport report, string path, OnnxConfiguration? onnx, UpstreamConfiguration? upstream)
    {
        if (onnx is not null && upstream is not null)
        {
            report.Error(path, "has both onnx and upstream; allowed: one of them, or neither when a logger sends the events");
        }

        if (onnx is not null)
        {
            CheckFile(configuration, report, $"{path}.onnx.path", onnx.Path.Length > 0 ? onnx.Path : null);
        }
    }

    private static void CheckFile(LoadedConfiguration configuration, ValidationReport report, string path, string? file)
    {
        if (file is not null && !File.Exists(configuration.Resolve(file)))
        {
            report.Error(path, $"the file {configuration.Resolve(file)} does not exist");
        }
    }
}
