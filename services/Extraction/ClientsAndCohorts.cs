using System.Buffers;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>State of a monitor that watches clients, and cohorts by what they send.</summary>
/// <param name="clients">Per client.</param>
/// <param name="shared">Who sent the same; null where that is not looked at.</param>
internal sealed class ClientsAndCohorts(IMonitorState clients, SharedQueries? shared) : IMonitorState
{
    public long Forgotten => clients.Forgotten;

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        clients.TakeDirtyKeys(keys);
        shared?.TakeDirtyKeys(keys);
    }

    public bool Save(string key, IBufferWriter<byte> output) =>
        key.StartsWith(SharedQueries.Prefix, StringComparison.Ordinal) ? shared?.Save(key, output) ?? false : clients.Save(key, output);

    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        if (!key.StartsWith(SharedQueries.Prefix, StringComparison.Ordinal))
        {
            clients.Restore(key, value);
        }
        else
        {
            (shared ?? throw new InvalidDataException("a checkpoint has shared queries, but this monitor looks at none")).Restore(key, value);
        }
    }
}
