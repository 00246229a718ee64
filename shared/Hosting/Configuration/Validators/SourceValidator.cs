using Monitoring.Contracts;

namespace Monitoring.Hosting.Configuration;

/// <summary>Sources: distinct names, at least one topic that is not the product's own, a cluster.</summary>
internal sealed class SourceValidator : IConfigurationValidator
{
    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var value = configuration.Value;
        for (var i = 0; i < value.Sources.Count; i++)
        {
            var source = value.Sources[i];
            if (value.Sources.Take(i).Any(s => s.Name == source.Name))
            {
                report.Error($"sources[{i}].name", $"'{source.Name}' is there twice");
            }

            if (source.Topics.Count == 0)
            {
                report.Error($"sources[{i}].topics", "at least one topic is needed");
            }

            if (source.Topics.FirstOrDefault(t => t == Topics.InferenceEvents) is { } own)
            {
                report.Error($"sources[{i}].topics", $"'{own}' is what the product itself writes");
            }

            if (source.Kafka is null && value.Log.Kind != LogKind.Kafka)
            {
                report.Error($"sources[{i}].kafka", "is required where log.kind is not kafka");
            }
        }
    }
}
