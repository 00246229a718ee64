using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Monitoring.Detection;

/// <summary>
/// What one consumer group watches. Plain data: it is kept inside checkpoints, so that a restart finishes under the configuration it had begun
/// with, and its hash stands in every finding.
/// </summary>
public sealed record MonitorGroupConfiguration
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        Converters = { new JsonStringEnumConverter() },
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Consumer group, for example <c>drift</c>.</summary>
    public required string Group { get; init; }

    /// <summary>Models by name and version; the first entry that fits an event is taken.</summary>
    public IReadOnlyList<WatchedModel> Models { get; init; } = [];

    /// <summary>What a model gets that is not listed; null: it is not watched. Each such model takes a share of <see cref="WatchedMonitor.Share"/> by its order of appearance.</summary>
    public WatchedModel? Unlisted { get; init; }

    /// <summary>Lower-case hexadecimal SHA-256 of the canonical form.</summary>
    public string Sha256() => Convert.ToHexStringLower(SHA256.HashData(ToBytes()));

    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, s_json);

    public static MonitorGroupConfiguration FromBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<MonitorGroupConfiguration>(bytes, s_json) ?? throw new InvalidDataException("an empty configuration");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException("the configuration of a checkpoint cannot be read: " + e.Message, e);
        }
    }

    /// <summary>The entry for a model version, and whether it was listed; null when it is not watched.</summary>
    internal (WatchedModel Model, bool Listed)? Find(string model, string version)
    {
        foreach (var entry in Models)
        {
            if (string.Equals(entry.Name, model, StringComparison.Ordinal) && (entry.Version.Length == 0 || string.Equals(entry.Version, version, StringComparison.Ordinal)))
            {
                return (entry, true);
            }
        }

        return Unlisted is { } other ? (other, false) : null;
    }
}
