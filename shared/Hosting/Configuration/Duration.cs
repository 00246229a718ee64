using Monitoring.Detection;

namespace Monitoring.Hosting.Configuration;

/// <summary>Durations in the configuration and on the command line: <see cref="Durations"/>, which options of monitors are read with too.</summary>
public static class Duration
{
    /// <inheritdoc cref="Durations.TryParse"/>
    public static bool TryParse(string text, out TimeSpan duration) => Durations.TryParse(text, out duration);

    /// <inheritdoc cref="Durations.Format"/>
    public static string Format(TimeSpan duration) => Durations.Format(duration);
}
