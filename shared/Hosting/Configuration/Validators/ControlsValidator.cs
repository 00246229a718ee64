using System.Net;

namespace Monitoring.Hosting.Configuration;

/// <summary>Controls, policies and limits: models and targets that exist, networks that are networks, one key for all processes.</summary>
internal sealed class ControlsValidator : IConfigurationValidator
{
    private static readonly string[] s_families = ["drift", "outlier", "adversarial", "extraction", "leakage", "quality"];

    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var value = configuration.Value;
        for (var i = 0; i < value.Controls.Gateways.Count; i++)
        {
            if (!IPNetwork.TryParse(value.Controls.Gateways[i], out _) && !IPAddress.TryParse(value.Controls.Gateways[i], out _))
            {
                report.Error($"controls.gateways[{i}]", $"'{value.Controls.Gateways[i]}' is not an address or network; allowed: 10.0.0.7, 10.0.0.0/8, ::1");
            }
        }

        if (value.Controls.MaxDuration <= TimeSpan.Zero)
        {
            report.Error("controls.maxDuration", "must be more than nothing");
        }

        if (value.Controls is { Enforce: true, SigningKey: null } && value.Log.Kind == LogKind.Kafka)
        {
            report.Warning("controls", "on Kafka every process makes a key of its own and refuses the others' decisions: set controls.signingKey");
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < value.Responses.Count; i++)
        {
            Check(value, report, value.Responses[i], $"responses[{i}]", names);
        }

        for (var i = 0; i < value.Limits.Count; i++)
        {
            var limit = value.Limits[i];
            CheckModels(value, report, limit.Models, $"limits[{i}].models");
            if (limit is { PerSecond: null, PerDay: null })
            {
                report.Error($"limits[{i}]", "limits nothing; set perSecond, perDay, or both");
            }
        }
    }

    private static void Check(MonitoringConfiguration value, ValidationReport report, ResponsePolicyConfiguration policy, string path, HashSet<string> names)
    {
        if (policy.Name.Length > 0 && !names.Add(policy.Name))
        {
            report.Error($"{path}.name", $"'{policy.Name}' is the name of an earlier entry");
        }

        for (var f = 0; f < policy.Families.Count; f++)
        {
            if (!s_families.Contains(policy.Families[f], StringComparer.Ordinal))
            {
                report.Error($"{path}.families[{f}]", $"'{policy.Families[f]}' is not a family; allowed: {string.Join(", ", s_families)}");
            }
        }

        CheckModels(value, report, policy.Models, $"{path}.models");
        if (policy.For <= TimeSpan.Zero || policy.For > value.Controls.MaxDuration)
        {
            report.Error($"{path}.for", $"must be more than nothing and at most controls.maxDuration ({Duration.Format(value.Controls.MaxDuration)})");
        }

        if (policy.Action != ResponseAction.Route)
        {
            return;
        }

        if (policy.To is null)
        {
            report.Error($"{path}.to", "is required with action: route");
            return;
        }

        foreach (var model in value.Models.Where(m => policy.Models.Count == 0 || policy.Models.Contains(m.Name, StringComparer.Ordinal)))
        {
            if (ControlTargets.Refuse(model, policy.To) is { } reason)
            {
                report.Error($"{path}.to", reason);
            }
        }
    }

    private static void CheckModels(MonitoringConfiguration value, ValidationReport report, IReadOnlyList<string> models, string path)
    {
        for (var m = 0; m < models.Count; m++)
        {
            if (value.Models.All(known => known.Name != models[m]))
            {
                report.Error($"{path}[{m}]", $"'{models[m]}' is not a model; allowed: {string.Join(", ", value.Models.Select(k => k.Name))}");
            }
        }
    }
}
