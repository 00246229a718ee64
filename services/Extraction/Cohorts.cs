using System.Globalization;
using Monitoring.Detection;

namespace Monitoring.Extraction;

/// <summary>Accounts that ask together are one more subject: those of one address prefix, of one key family, and those that send the same inputs.</summary>
internal static class Cohorts
{
    /// <summary>Counts the query among what its client sent, and names the cohorts that the client is in then: each query once, whether the names are read or not.</summary>
    /// <param name="rows">The batch.</param>
    /// <param name="row">The row.</param>
    /// <param name="input">Keyed hash of its input.</param>
    /// <param name="shared">Who sent the same, which learns of this query; null where that is not looked at.</param>
    public static IReadOnlyList<string> Take(RowBatch rows, int row, ulong input, SharedQueries? shared)
    {
        var info = rows.Rows[row];
        if (info.Client.Length == 0)
        {
            return [];
        }

        var number = shared?.Take(input, info.Client);
        var caller = info.Event < rows.Events.Count ? rows.Events[info.Event].Client : null;
        if (number is null && string.IsNullOrEmpty(caller?.AddressPrefix) && string.IsNullOrEmpty(caller?.KeyFamily))
        {
            return [];
        }

        var cohorts = new List<string>(3);
        if (caller?.AddressPrefix is { Length: > 0 } prefix)
        {
            cohorts.Add("cohort of addresses " + prefix);
        }

        if (caller?.KeyFamily is { Length: > 0 } family)
        {
            cohorts.Add("cohort of keys " + family);
        }

        if (number is { } cohort)
        {
            cohorts.Add(string.Create(CultureInfo.InvariantCulture, $"{SharedQueries.Cohort} {cohort}"));
        }

        return cohorts;
    }
}
