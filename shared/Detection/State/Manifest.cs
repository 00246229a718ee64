using System.Text.Json;

namespace Monitoring.Detection;

/// <summary>The record that makes a checkpoint valid: written after every value of it is durable.</summary>
/// <param name="OwnerEpoch">Epoch of the owner that wrote it.</param>
/// <param name="EpochBegan">Input offset at which this owner began.</param>
/// <param name="Checkpoint">Number of the checkpoint in this epoch, from 1.</param>
/// <param name="ResumeOffset">First input offset that is not in the state.</param>
/// <param name="ConfigurationSha256">Configuration under which the state was made.</param>
/// <param name="PartitionCount">Partitions of the input topic.</param>
/// <param name="Ancestors">Earlier epochs whose values are still in use: epoch → last checkpoint of it that counts.</param>
internal sealed record Manifest(
    long OwnerEpoch,
    long EpochBegan,
    long Checkpoint,
    long ResumeOffset,
    string ConfigurationSha256,
    int PartitionCount,
    SortedDictionary<long, long> Ancestors)
{
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this);

    public static Manifest FromBytes(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<Manifest>(bytes) ?? throw new InvalidDataException("an empty manifest");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException("a checkpoint's manifest cannot be read: " + e.Message, e);
        }
    }
}
