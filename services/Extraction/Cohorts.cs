using System.Globalization;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>Accounts that ask together are one more subject: those of one address prefix, of one key family, and those that send the same inputs.</summary>
internal static class Cohorts
{
    /// <summary>Names of the cohorts that a row's client is in.</summary>
    /// <param name="rows">The batch.</param>
    /// <param name="row">The row.</param>
    /// <param name="input">Keyed hash of its input.</param>
    /// <param name="shared">Who sent the same; null where that is not looked at.</param>
    public static IEnumerable<string> Of(RowBatch rows, int row, ulong input, SharedQueries? shared)
    {
        var info = rows.Rows[row];
        if (info.Client.Length == 0)
        {
            yield break;
        }

        var caller = info.Event < rows.Events.Count ? rows.Events[info.Event].Client : null;
        if (caller?.AddressPrefix is { Length: > 0 } prefix)
        {
            yield return "cohort of addresses " + prefix;
        }

        if (caller?.KeyFamily is { Length: > 0 } family)
        {
            yield return "cohort of keys " + family;
        }

        if (shared?.Take(input, info.Client) is { } number)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{SharedQueries.Cohort} {number}");
        }
    }
}
