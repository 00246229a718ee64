using Monitoring.Detection;

namespace Monitoring.Hosting.Configuration;

/// <summary>Monitors: kinds that exist, options that the kind knows, unique names.</summary>
public sealed class MonitorKindValidator(MonitorKinds kinds) : IConfigurationValidator
{
    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        for (var m = 0; m < configuration.Value.Models.Count; m++)
        {
            var monitors = configuration.Value.Models[m].Monitors ?? [];
            var names = new HashSet<string>(StringComparer.Ordinal);
            for (var i = 0; i < monitors.Count; i++)
            {
                var path = $"models[{m}].monitors[{i}]";
                if (monitors[i].Kind.Length == 0)
                {
                    continue;
                }

                if (!names.Add(monitors[i].Name ?? monitors[i].Kind))
                {
                    report.Error($"{path}.name", $"'{monitors[i].Name ?? monitors[i].Kind}' is the name of an earlier monitor of this model");
                }

                if (!kinds.TryGet(monitors[i].Kind, out var kind))
                {
                    report.Error($"{path}.kind", $"unknown kind '{monitors[i].Kind}'; allowed: {string.Join(", ", kinds.Names)}");
                    continue;
                }

                try
                {
                    MonitorOptions.Create(kind, monitors[i].Options.Values);
                }
                catch (MonitorOptionsException e)
                {
                    foreach (var error in e.Errors)
                    {
                        report.Error($"{path}.options", error);
                    }
                }
            }
        }
    }
}
