using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>
/// Names the client of a call by the model's ordered sources: the first present wins. A header is believed from trusted hops
/// only: the model's <c>trustedProxies</c>, or the same host where it has none. Ids are sealed.
/// </summary>
internal sealed class ClientIdentity
{
    private const int MaxIdLength = 512;
    private const int MaxRemembered = 65_536;
    private readonly ConcurrentDictionary<IPAddress, (string Text, string Prefix)> _addresses = new();
    private readonly string[] _sources;
    private readonly IPNetwork[] _trusted;
    private readonly ClientSealer _sealer;

    public ClientIdentity(ModelConfiguration model, ClientSealer sealer)
    {
        _sources = [.. model.Client];
        _trusted = [.. model.TrustedProxies.Select(ParseNetwork)];
        _sealer = sealer;
    }

    /// <summary>The client of a call served here.</summary>
    public Client Identify(HttpContext context) => Identify(context, attributes: null);

    /// <summary>The client of a logged event: its attributes name it; the logger's own key and address never do.</summary>
    /// <param name="context">The logger's call.</param>
    /// <param name="attributes">CloudEvents attributes by lower-case name; null for a call served here.</param>
    public Client Identify(HttpContext context, IReadOnlyDictionary<string, string>? attributes) => attributes is null ? Find(context, null) : Identify(attributes);

    /// <summary>The client of a logged event, by its attributes.</summary>
    public Client Identify(IReadOnlyDictionary<string, string> attributes) => Find(null, attributes);

    private Client Find(HttpContext? context, IReadOnlyDictionary<string, string>? attributes)
    {
        var isLogged = attributes is not null;
        var address = isLogged ? AddressOf(attributes!) : AddressOf(context!);
        var client = new Client();
        if (address is not null)
        {
            client.AddressPrefix = SealedPrefix(address);
        }

        foreach (var source in _sources)
        {
            var (kind, name) = source.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? (source[..colon], source[(colon + 1)..]) : (source, "");
            var id = kind switch
            {
                "api-key" when !isLogged => ApiKey(context!, client),
                "token" when !isLogged => context!.User.FindFirstValue(name),
                "header" when !isLogged && IsTrusted(context!.Connection.RemoteIpAddress) => context.Request.Headers[name].FirstOrDefault(),
                "attribute" when isLogged => attributes!.GetValueOrDefault(name.ToLowerInvariant()),
                "metadata" or "header" when isLogged => Metadata(attributes!, name),
                "address" => address is null ? null : Named(address),
                _ => null,
            };
            if (!string.IsNullOrEmpty(id) && id.Length <= MaxIdLength)
            {
                client.Id = _sealer.Seal("client", id);
                client.Source = source;
                return client;
            }
        }

        return client;
    }

    private string SealedPrefix(IPAddress address) => _addresses.TryGetValue(address, out var known) ? known.Prefix : Remember(address).Prefix;

    private string Named(IPAddress address) => _addresses.TryGetValue(address, out var known) ? known.Text : Remember(address).Text;

    /// <summary>Addresses come again with every call of a connection: text and sealed prefix are made once.</summary>
    private (string Text, string Prefix) Remember(IPAddress address)
    {
        if (_addresses.Count >= MaxRemembered)
        {
            _addresses.Clear();
        }

        return _addresses[address] = (address.ToString(), _sealer.Seal("address-prefix", Prefix(address)));
    }

    /// <summary>The first 24 bits of an IPv4 address, the first 48 of an IPv6 address.</summary>
    internal static string Prefix(IPAddress address)
    {
        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var bytes = address.GetAddressBytes();
        var kept = bytes.Length == 4 ? 3 : 6;
        Array.Clear(bytes, kept, bytes.Length - kept);
        return $"{new IPAddress(bytes)}/{kept * 8}";
    }

    private static IPNetwork ParseNetwork(string text) =>
        text.Contains('/', StringComparison.Ordinal)
            ? IPNetwork.Parse(text)
            : IPAddress.Parse(text) is var address && address.AddressFamily == AddressFamily.InterNetwork ? new IPNetwork(address, 32) : new IPNetwork(address, 128);

    private string? ApiKey(HttpContext context, Client client)
    {
        // Without configured keys every caller is "local": that names nobody.
        var name = context.User.Identity is { IsAuthenticated: true, AuthenticationType: "ApiKey" } identity && identity.Name != "local" ? identity.Name : null;
        if (name is not null && name.LastIndexOf('-') is > 0 and var dash)
        {
            client.KeyFamily = _sealer.Seal("key-family", name[..dash]);
        }

        return name;
    }

    private IPAddress? AddressOf(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress;
        if (_trusted.Length == 0 || !IsTrusted(address))
        {
            return address;
        }

        // From the nearest hop outwards: the first address that is no trusted proxy is the client.
        foreach (var hop in context.Request.Headers["X-Forwarded-For"].ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Reverse())
        {
            if (!IPAddress.TryParse(hop, out var parsed))
            {
                return address;
            }

            address = parsed;
            if (!IsTrusted(parsed))
            {
                break;
            }
        }

        return address;
    }

    private static IPAddress? AddressOf(IReadOnlyDictionary<string, string> attributes) =>
        Metadata(attributes, "X-Forwarded-For") is { } forwarded && IPAddress.TryParse(forwarded.Split(',')[^1].Trim(), out var address) ? address : null;

    private bool IsTrusted(IPAddress? address)
    {
        if (address is null)
        {
            return false;
        }

        address = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        return _trusted.Length == 0 ? IPAddress.IsLoopback(address) : Array.Exists(_trusted, n => n.Contains(address));
    }

    /// <summary>A header that KServe's logger put into <c>ce-metadata</c>: <c>{"Header-Name": ["value", …]}</c>.</summary>
    private static string? Metadata(IReadOnlyDictionary<string, string> attributes, string name)
    {
        if (!attributes.TryGetValue("metadata", out var text))
        {
            return null;
        }

        foreach (var candidate in new[] { text, Uri.UnescapeDataString(text) })
        {
            try
            {
                using var document = JsonDocument.Parse(candidate);
                if (document.RootElement.ValueKind != JsonValueKind.Object)
                {
                    return null;
                }

                foreach (var property in document.RootElement.EnumerateObject())
                {
                    if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
                    {
                        return property.Value.ValueKind switch
                        {
                            JsonValueKind.String => property.Value.GetString(),
                            JsonValueKind.Array when property.Value.GetArrayLength() > 0 && property.Value[0].ValueKind == JsonValueKind.String => property.Value[0].GetString(),
                            _ => null,
                        };
                    }
                }

                return null;
            }
            catch (JsonException)
            {
                // Loggers that follow the HTTP binding percent-encode it: the second candidate.
            }
        }

        return null;
    }
}
