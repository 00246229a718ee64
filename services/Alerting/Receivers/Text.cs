using System.Globalization;
using System.Text;
using Monitoring.Alerting.Incidents;

namespace Monitoring.Alerting.Receivers;

/// <summary>Texts that several formats share, and their cutting to size.</summary>
internal static class Text
{
    /// <summary>At most <paramref name="max"/> UTF-16 units, never half a surrogate pair; an ellipsis says that something is missing.</summary>
    public static string Cut(string text, int max)
    {
        if (text.Length <= max)
        {
            return text;
        }

        var end = char.IsHighSurrogate(text[max - 2]) ? max - 2 : max - 1;
        return text[..end] + "…";
    }

    /// <summary>The first line: state, then what it is about.</summary>
    public static string Title(IncidentMessage message, bool mayRepeat)
    {
        var state = message.Transition switch
        {
            "opened" or "escalated" => message.Severity == "harm" ? "Harm" : "Change",
            "acknowledged" => "Acknowledged",
            "resolved" => "Resolved",
            "falseAlarm" => "False alarm",
            "digest" => "Daily digest",
            "test" => "Test",
            _ => "Growing",
        };
        var about = message.Transition is "digest" or "test" ? "" : $": {message.Family} on {(message.Model.Length > 0 ? message.Model : "many models")}";
        return $"{state}{about}{(mayRepeat ? " (may be a repeat)" : "")}";
    }

    /// <summary>Name and value of what a person wants to see first; only what there is.</summary>
    public static IEnumerable<(string Name, string Value)> Facts(IncidentMessage message)
    {
        if (message.Transition is "digest" or "test")
        {
            yield break;
        }

        if (message.Model.Length > 0)
        {
            yield return ("Model", message.ModelVersion.Length > 0 ? $"{message.Model} {message.ModelVersion}" : message.Model);
        }

        if (message.Client.Length > 0)
        {
            yield return ("Client", message.Client);
        }

        if (message.SinceUnixNano > 0)
        {
            yield return ("Since", UnixNano.ToTime(message.SinceUnixNano).ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture));
        }

        yield return ("Events", message.Events.ToString("N0", CultureInfo.InvariantCulture));
        if (message.Variables is [var variable, ..])
        {
            yield return ("Variable", variable.Name);
        }

        if (message.AtlasTechnique.Length > 0)
        {
            yield return ("ATLAS", message.AtlasTechnique);
        }

        if (message.Coverage < 1)
        {
            yield return ("Coverage", message.Coverage.ToString("0.00", CultureInfo.InvariantCulture));
        }

        yield return ("Incident", message.Incident);
        if (message.SealedRoot is { } root)
        {
            yield return ("Log root", string.Create(CultureInfo.InvariantCulture, $"{root.Root} ({root.Topic}/{root.Partition}, {root.Checkpoints} checkpoints)"));
        }
    }

    /// <summary>The sentence, who did what, and the lines of a storm or digest.</summary>
    public static string Body(IncidentMessage message)
    {
        var body = new StringBuilder(message.Sentence);
        if (message.Text.Length > 0 && message.Text != message.Sentence)
        {
            body.Append('\n').Append(message.Text);
        }

        foreach (var line in message.Lines)
        {
            body.Append("\n• ").Append(line);
        }

        if (message.MoreLines > 0)
        {
            body.Append(CultureInfo.InvariantCulture, $"\n… and {message.MoreLines} more");
        }

        if (message is { Transition: "digest", SealedRoot: { } root })
        {
            body.Append(CultureInfo.InvariantCulture, $"\nLog root {root.Root} ({root.Topic}/{root.Partition}, {root.Checkpoints} checkpoints)");
        }

        return body.ToString();
    }
}
