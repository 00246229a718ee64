using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>
/// Decisions for gateways that stand before model servers of their own, from memory:
/// <list type="bullet">
/// <item><c>/gateway/nginx</c> for <c>auth_request</c>: 204, or 403 with <c>X-Monitoring-Status</c> (403 or 429; nginx passes no other status on) and <c>Retry-After</c>.
/// The model is the query's <c>model</c>, else the one in <c>X-Original-URI</c>.</item>
/// <item><c>/gateway/envoy/…</c> for HTTP <c>ext_authz</c> with that <c>path_prefix</c>: 200, 403, or 429 with <c>Retry-After</c>. The model is the one in the path.</item>
/// </list>
/// Both tell a route in <c>X-Monitoring-Route</c>; outputs cannot be coarsened from there. The client is found as for a call served
/// here, so the gateway must be one of the model's <c>trustedProxies</c> (or on this host). Only <c>controls.gateways</c> may ask:
/// whoever could ask at will would learn who is contained.
/// </summary>
internal sealed class GatewayEndpoints(ModelRepository repository, ControlGate gate, ControlLedger ledger, ControlMetrics metrics, LoadedConfiguration configuration)
{
    public const string StatusHeader = "X-Monitoring-Status";
    public const string RouteHeader = "X-Monitoring-Route";
    private const string EnvoyPrefix = "/gateway/envoy";
    private readonly IPNetwork[] _gateways = [.. configuration.Value.Controls.Gateways.Select(Network)];

    public void Map(IEndpointRouteBuilder endpoints)
    {
        // Any method, in forms that nginx and Envoy fix: not an API that anyone writes a client for.
        endpoints.Map("/gateway/nginx", NginxAsync).AllowAnonymous().ExcludeFromDescription();
        endpoints.Map(EnvoyPrefix + "/{**path}", EnvoyAsync).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>The model that a path of the protocol calls (v2 <c>…/models/NAME/…/infer</c>, v1 <c>…/models/NAME:predict</c>); null for other paths.</summary>
    internal static string? ModelOf(string path)
    {
        var query = path.IndexOfAny(['?', '#']);
        var segments = new List<string>();
        foreach (var raw in (query < 0 ? path : path[..query]).Split('/', StringSplitOptions.RemoveEmptyEntries))
        {
            // As a server behind would read it: an escaped or roundabout path is the same path.
            var segment = Uri.UnescapeDataString(raw);
            if (segment == "..")
            {
                segments = segments.Count > 0 ? segments[..^1] : segments;
            }
            else if (segment != ".")
            {
                segments.Add(segment);
            }
        }

        var at = segments.IndexOf("models");
        if (at < 0 || at + 1 >= segments.Count)
        {
            return null;
        }

        var name = segments[at + 1];
        return name.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? name[..colon] : segments[^1] == "infer" ? name : null;
    }

    private static IPNetwork Network(string text) => IPNetwork.TryParse(text, out var network) ? network : new IPNetwork(IPAddress.Parse(text), text.Contains(':', StringComparison.Ordinal) ? 128 : 32);

    private Task NginxAsync(HttpContext context)
    {
        if (!MayAsk(context))
        {
            return InferEndpoints.WriteErrorAsync(context, 404, "not here");
        }

        var model = context.Request.Query.TryGetValue("model", out var given) ? given.ToString() : ModelOf(context.Request.Headers["X-Original-URI"].ToString());
        var verdict = Judge(context, model);
        if (verdict is { Status: 503 })
        {
            return InferEndpoints.WriteErrorAsync(context, 503, "decisions are not known yet");
        }

        Tell(context, verdict);
        context.Response.StatusCode = verdict.IsRefused ? 403 : 204;
        if (verdict.IsRefused)
        {
            context.Response.Headers[StatusHeader] = verdict.Status.ToString(CultureInfo.InvariantCulture);
            context.Response.ContentLength = 0;
        }

        return Task.CompletedTask;
    }

    private Task EnvoyAsync(HttpContext context)
    {
        if (!MayAsk(context))
        {
            return InferEndpoints.WriteErrorAsync(context, 404, "not here");
        }

        // Not the decoded path: what the server behind reads is what counts.
        var target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
        var verdict = Judge(context, ModelOf(target.StartsWith(EnvoyPrefix, StringComparison.Ordinal) ? target[EnvoyPrefix.Length..] : target));
        if (verdict is { Status: 503 })
        {
            return InferEndpoints.WriteErrorAsync(context, 503, "decisions are not known yet");
        }

        Tell(context, verdict);
        if (verdict.IsRefused)
        {
            return InferEndpoints.WriteErrorAsync(context, verdict.Status, verdict.Message);
        }

        context.Response.StatusCode = 200;
        context.Response.ContentLength = 0;
        return Task.CompletedTask;
    }

    private Verdict Judge(HttpContext context, string? name)
    {
        var model = name is null ? null : repository.Find(name);
        if ((model is null && name is not null) || !ledger.Read.IsCompletedSuccessfully)
        {
            metrics.Answered("unknown");
            return configuration.Value.Controls.FailOpen ? default : new Verdict { Status = 503 };
        }

        var verdict = model is null ? default : gate.Judge(Door.Gateway, model.Name, model.Clients.Identify(context).Id);
        metrics.Answered(verdict.Status switch { 403 => "deny", 429 => "throttle", _ => "allow" });
        return verdict;
    }

    private static void Tell(HttpContext context, Verdict verdict)
    {
        if (verdict.Status == 429)
        {
            context.Response.Headers.RetryAfter = verdict.RetryAfter.ToString(CultureInfo.InvariantCulture);
        }

        if (verdict is { IsRefused: false, Target: { } target })
        {
            context.Response.Headers[RouteHeader] = target;
        }
    }

    private bool MayAsk(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        if (address is null)
        {
            return false;
        }

        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _gateways.Length == 0 ? IPAddress.IsLoopback(address) : Array.Exists(_gateways, g => g.Contains(address));
    }
}
