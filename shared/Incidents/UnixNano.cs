using System.Globalization;

namespace Monitoring.Incidents;

/// <summary>Nanoseconds since 1970-01-01T00:00:00Z, as the contracts count time.</summary>
public static class UnixNano
{
    public const long PerSecond = 1_000_000_000;

    public static long Of(DateTimeOffset time) => (time.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * 100;

    public static long Now(TimeProvider time) => Of(time.GetUtcNow());

    public static long Span(TimeSpan span) => span.Ticks * 100;

    public static DateTimeOffset ToTime(long nano) => DateTimeOffset.UnixEpoch.AddTicks(nano / 100);

    public static string ToIso(long nano) => ToTime(nano).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
