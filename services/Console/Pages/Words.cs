using System.Globalization;
using Monitoring.Incidents;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Pages;

/// <summary>How times, states and ids are said on pages.</summary>
internal static class Words
{
    public static string State(string state) => state == "falseAlarm" ? "false alarm" : state;

    /// <summary>Absolute in UTC, with how long ago; machine-readable too.</summary>
    public static Html Time(long unixNano, DateTimeOffset now)
    {
        if (unixNano <= 0)
        {
            return Html.Of($"unknown");
        }

        var time = UnixNano.ToTime(unixNano);
        return Html.Of($"<time datetime=\"{UnixNano.ToIso(unixNano)}\">{time.ToString("ddd d MMM yyyy, HH:mm 'UTC'", CultureInfo.InvariantCulture)}</time> <span class=\"quiet\">({Ago(now - time)})</span>");
    }

    public static Html Time(string iso) =>
        DateTimeOffset.TryParse(iso, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? Html.Of($"<time datetime=\"{iso}\">{time.ToString("ddd d MMM, HH:mm", CultureInfo.InvariantCulture)}</time>")
            : Html.Of($"{iso}");

    public static string Ago(TimeSpan span) => span switch
    {
        { Ticks: < 0 } => "ahead",
        { TotalMinutes: < 1 } => "just now",
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalMinutes} min ago"),
        { TotalDays: < 2 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h ago"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalDays} days ago"),
    };

    /// <summary>Enough of an id to tell it from others; the whole on hovering and to screen readers.</summary>
    public static Html Id(string id) => id.Length <= 18 ? Html.Of($"<span class=\"id\">{id}</span>") : Html.Of($"<span class=\"id\" title=\"{id}\">{id[..12]}…</span>");

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string Number(double value) => Math.Abs(value) is >= 1e6 or (< 1e-3 and > 0) ? value.ToString("0.##e0", CultureInfo.InvariantCulture) : value.ToString("0.####", CultureInfo.InvariantCulture);
}
