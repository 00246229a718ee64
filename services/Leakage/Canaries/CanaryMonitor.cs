using System.Buffers;
using System.Globalization;
using System.Text;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary>Looks for planted texts in answers, whatever their case, spaces and punctuation. A text that the caller sent itself is an echo, not a leak.</summary>
internal sealed class CanaryMonitor : EventMonitor
{
    private readonly string[] _canaries;
    private readonly SearchValues<string> _search;

    public CanaryMonitor(IReadOnlyList<string> canaries)
    {
        _canaries = [.. canaries.Select(Normalise)];
        _search = SearchValues.Create(_canaries, StringComparison.Ordinal);
    }

    /// <summary>Letters and digits only, lower-case.</summary>
    public static string Normalise(string text)
    {
        var normal = new StringBuilder(text.Length);
        foreach (var letter in text)
        {
            if (char.IsLetterOrDigit(letter))
            {
                normal.Append(char.ToLowerInvariant(letter));
            }
        }

        return normal.ToString();
    }

    protected override void Apply(InferenceEvent inference, string client, IObservationSink sink)
    {
        string? asked = null;
        foreach (var text in EventText.Of(inference.Outputs))
        {
            var answer = Normalise(text);
            if (answer.AsSpan().IndexOfAny(_search) < 0)
            {
                continue;
            }

            asked ??= Normalise(string.Join('\n', EventText.Of(inference.Inputs)));
            for (var canary = 0; canary < _canaries.Length; canary++)
            {
                if (answer.Contains(_canaries[canary], StringComparison.Ordinal) && !asked.Contains(_canaries[canary], StringComparison.Ordinal))
                {
                    // The number, not the text: findings travel further than answers.
                    sink.Report(new CertainFinding(
                        string.Create(CultureInfo.InvariantCulture, $"canary-{canary}-{client}"),
                        string.Create(CultureInfo.InvariantCulture, $"Canary {canary + 1}, planted in the training data, appeared in an answer to {(client.Length > 0 ? "client " + client : "an unattributed client")}"))
                    {
                        Client = client,
                        Measures = [("canary", canary + 1)],
                    });
                }
            }
        }
    }
}
