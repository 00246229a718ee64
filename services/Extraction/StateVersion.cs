using System.Globalization;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>The first byte of a saved state: a form that another build wrote is refused by name instead of being read as something else.</summary>
internal static class StateVersion
{
    /// <param name="reader">At the version.</param>
    /// <param name="version">What this build writes.</param>
    /// <param name="kind">Whose state it is.</param>
    /// <exception cref="InvalidDataException">Another version.</exception>
    public static void Expect(ref CanonicalReader reader, byte version, string kind)
    {
        var found = reader.ReadByte();
        if (found != version)
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"saved state of {kind} in form {found}, this build reads form {version}: run the build that wrote it, or delete the group's topic monitoring.state.* to start its evidence anew"));
        }
    }
}
