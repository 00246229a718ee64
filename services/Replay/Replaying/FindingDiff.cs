using System.Globalization;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Monitoring.Contracts;

namespace Monitoring.Replay.Replaying;

/// <summary>Two runs compared, finding by finding, on their canonical bytes.</summary>
/// <param name="Same">Findings whose bytes are equal.</param>
/// <param name="Changed">Findings at the same place of the log that say something else.</param>
/// <param name="OnlyBefore">Findings of the first run that the second did not make.</param>
/// <param name="OnlyAfter">Findings that only the second run made.</param>
internal sealed record FindingDiff(int Same, IReadOnlyList<FindingDiff.Change> Changed, IReadOnlyList<Finding> OnlyBefore, IReadOnlyList<Finding> OnlyAfter)
{
    /// <summary>Findings that say the same and were made with another configuration, profile or build: only their provenance differs.</summary>
    public int Restated { get; init; }

    public bool IsIdentical => Restated == 0 && Changed.Count == 0 && OnlyBefore.Count == 0 && OnlyAfter.Count == 0;

    /// <summary>One finding in both runs.</summary>
    /// <param name="Before">In the first.</param>
    /// <param name="After">In the second.</param>
    /// <param name="Fields">What differs: <c>path: before → after</c>.</param>
    internal sealed record Change(Finding Before, Finding After, IReadOnlyList<string> Fields);

    /// <summary>Compares. Findings are matched by id, which is a function of group, input position, ordinal, model and monitor.</summary>
    public static FindingDiff Between(IEnumerable<Finding> before, IEnumerable<Finding> after)
    {
        var old = before.ToDictionary(f => f.Id, StringComparer.Ordinal);
        var changed = new List<Change>();
        var added = new List<Finding>();
        var (same, restated) = (0, 0);
        foreach (var finding in after)
        {
            if (!old.Remove(finding.Id, out var earlier))
            {
                added.Add(finding);
            }
            else if (earlier.ToByteArray().AsSpan().SequenceEqual(finding.ToByteArray()))
            {
                same++;
            }
            else
            {
                var fields = new List<string>();
                Compare(earlier, finding, "", fields);
                if (fields.TrueForAll(f => f.StartsWith("provenance.", StringComparison.Ordinal)))
                {
                    restated++;
                }
                else
                {
                    changed.Add(new Change(earlier, finding, fields));
                }
            }
        }

        return new FindingDiff(same, changed, [.. old.Values.OrderBy(f => f.TimeUnixNano)], added) { Restated = restated };
    }

    /// <summary>Lines for people.</summary>
    public IEnumerable<string> Describe()
    {
        if (IsIdentical)
        {
            yield return $"identical: {Same} findings, byte for byte";
            yield break;
        }

        if (Restated > 0)
        {
            yield return $"{Restated} findings say the same; only the configuration, profile or build that they name differs";
        }

        yield return $"{Same} findings are the same, {Changed.Count} changed, {OnlyBefore.Count} are gone, {OnlyAfter.Count} are new";
        foreach (var change in Changed)
        {
            yield return $"~ {Line(change.After)}";
            foreach (var field in change.Fields)
            {
                yield return $"    {field}";
            }
        }

        foreach (var finding in OnlyBefore)
        {
            yield return $"- {Line(finding)}";
        }

        foreach (var finding in OnlyAfter)
        {
            yield return $"+ {Line(finding)}";
        }
    }

    private static string Line(Finding finding) =>
        string.Create(CultureInfo.InvariantCulture, $"{TimeText.Format(finding.TimeUnixNano)} {finding.Severity.ToString().ToLowerInvariant()} {finding.Model} {finding.Monitor}{(finding.Client.Length > 0 ? $" client {finding.Client}" : "")}: {(finding.Summary.Length > 0 ? finding.Summary : finding.Variable)}");

    private static void Compare(IMessage before, IMessage after, string path, List<string> fields)
    {
        foreach (var field in before.Descriptor.Fields.InDeclarationOrder())
        {
            var name = path + field.JsonName;
            var (a, b) = (field.Accessor.GetValue(before), field.Accessor.GetValue(after));
            if (Equals(a, b) && (a is not double x || BitConverter.DoubleToInt64Bits(x) == BitConverter.DoubleToInt64Bits((double)b)))
            {
                continue;
            }

            if (field is { FieldType: FieldType.Message, IsRepeated: false } && a is IMessage first && b is IMessage second)
            {
                Compare(first, second, name + ".", fields);
            }
            else
            {
                fields.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: {Text(a)} → {Text(b)}"));
            }
        }
    }

    private static string Text(object? value) => value switch
    {
        null => "absent",
        double d => d.ToString("R", CultureInfo.InvariantCulture),
        IFormattable f => f.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() is { Length: > 200 } text ? text[..200] + "…" : value.ToString() ?? "",
    };
}
