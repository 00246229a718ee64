using System.Globalization;

namespace Monitoring.Forensics;

/// <summary>Times as people write them: ISO 8601 with a zone, a date alone is midnight UTC.</summary>
public static class TimeText
{
    /// <summary>Nanoseconds since the epoch.</summary>
    public static bool TryParse(string text, out long unixNano)
    {
        unixNano = 0;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time))
        {
            return false;
        }

        unixNano = ToUnixNano(time);
        return true;
    }

    public static long ToUnixNano(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.UtcTicks) * 100;

    /// <summary>ISO 8601 in UTC with milliseconds.</summary>
    public static string Format(long unixNano) =>
        new DateTimeOffset(DateTimeOffset.UnixEpoch.UtcTicks + (unixNano / 100), TimeSpan.Zero).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
}
