using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Monitoring.Alerting.Delivery;

/// <summary>When a message is tried again after its quick retries failed: the schedule that Standard Webhooks suggests, three days in all.</summary>
internal static class DeliverySchedule
{
    private static readonly TimeSpan[] s_waits =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2),
        TimeSpan.FromHours(5), TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    /// <summary>Wait after the given number of failed attempts (1-based), ± 10 % by the id so that a recovered receiver is not met by all at once; null when given up.</summary>
    public static TimeSpan? After(int attempts, string id)
    {
        if (attempts > s_waits.Length)
        {
            return null;
        }

        var hash = BinaryPrimitives.ReadUInt32LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{id}/{attempts}")));
        return s_waits[attempts - 1] * (0.9 + (0.2 * hash / uint.MaxValue));
    }
}
