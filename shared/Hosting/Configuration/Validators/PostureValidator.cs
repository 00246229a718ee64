using System.Net;

namespace Monitoring.Hosting.Configuration;

/// <summary>Warns of what is safe to start but not to leave so: open addresses, no TLS, no pin, no client identity, an unsigned webhook.</summary>
internal sealed class PostureValidator : IConfigurationValidator
{
    public void Validate(LoadedConfiguration configuration, ValidationReport report)
    {
        var value = configuration.Value;
        for (var i = 0; i < value.Api.Listen.Count; i++)
        {
            var address = value.Api.Listen[i];
            if (!Uri.TryCreate(address.Replace("//*", "//0.0.0.0", StringComparison.Ordinal).Replace("//+", "//0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri)
                || uri.Scheme is not ("http" or "https"))
            {
                report.Error($"api.listen[{i}]", $"'{address}' is not an http or https address");
                continue;
            }

            if (uri.Scheme == "https" && value.Api.Certificate is null)
            {
                report.Error($"api.listen[{i}]", "https needs api.certificate and api.certificateKey");
            }

            if (IsLoopback(uri.Host))
            {
                continue;
            }

            if (value.Api.Keys.Count == 0 && value.Api.Oidc is null)
            {
                report.Warning($"api.listen[{i}]", $"{address} is reachable from other machines without authentication; set api.keys or api.oidc");
            }

            if (uri.Scheme == "http")
            {
                report.Warning($"api.listen[{i}]", $"{address} is reachable from other machines without TLS");
            }
        }

        for (var i = 0; i < value.Models.Count; i++)
        {
            if (value.Models[i].Onnx is { Sha256: null })
            {
                report.Warning($"models[{i}].onnx", $"model '{value.Models[i].Name}' is not pinned: set sha256, so that no other file can take its place");
            }

            if (value.Models[i] is { Redact.Count: > 0, Schema: null })
            {
                report.Warning($"models[{i}].redact", $"model '{value.Models[i].Name}' has no schema: only whole tensors and request parameters can be left out, not columns");
            }

            if (value.Models[i].Client.Count == 0)
            {
                report.Warning($"models[{i}].client", $"model '{value.Models[i].Name}' has no client identity: attacks cannot be told by client; set client: [api-key, header:NAME, address]");
            }
        }

        for (var i = 0; i < value.Receivers.Count; i++)
        {
            if (value.Receivers[i].Webhook is { Secret: null })
            {
                report.Warning($"receivers[{i}].webhook", $"receiver '{value.Receivers[i].Name}' gets unsigned webhooks: set secret");
            }
        }

        if (value.Log.Kind == LogKind.Kafka && value.Api.Links is { Enabled: true, Key: null } && (value.Api.Keys.Count > 0 || value.Api.Oidc is not null))
        {
            report.Warning("api.links.key", "alerting and console that run as processes of their own and share no data folder make different keys, and the links in messages open nothing: set it, or links: { enabled: false }");
        }

        if (value.Models.Count > 0 && value.Receivers.Count == 0)
        {
            report.Warning("receivers", "nobody is told: incidents are only shown");
        }
    }

    private static bool IsLoopback(string host) =>
        host is "localhost" || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
