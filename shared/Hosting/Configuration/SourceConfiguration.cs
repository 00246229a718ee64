using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>An entry of <c>sources</c>: topics of a Kafka cluster on which others publish the calls of their model servers.</summary>
public sealed record SourceConfiguration
{
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", ErrorMessage = "letters, digits, '.', '_' and '-', at most 100"), Description("Name; the consumer group is monitoring-source-NAME.")]
    public string Name { get; init; } = "";

    [Description("Topics: CloudEvents in binary or structured mode (Knative, KServe's logger), Seldon's logger (its own headers), or Seldon Core 2's model topics (PREFIX.NAMESPACE.model.NAME.inputs and .outputs).")]
    public IReadOnlyList<string> Topics { get; init; } = [];

    [Description("The cluster; the installation's own (log.kafka) when absent.")]
    public KafkaConfiguration? Kafka { get; init; }
}
