using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.EventLog;
using Monitoring.Incidents;

namespace Monitoring.WebConsole.Samples;

/// <summary>
/// Values of features before and since an incident began, from the log: a few events out of each of 40 stretches of time, so that an hour and a month
/// cost the same. Only features that are columns of the row have one; image statistics and outputs have not.
/// </summary>
internal sealed class FeatureCurves(IEventLog log, SampleReader samples)
{
    private const int Stretches = 40;
    private const int EventsPerStretch = 12;

    /// <param name="finding">Finding that names the features and the log's partition.</param>
    /// <param name="features">Names; others are left out.</param>
    /// <param name="sinceUnixNano">When the evidence began.</param>
    /// <param name="lastUnixNano">Newest finding.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyDictionary<string, FeatureCurve>> ReadAsync(Finding finding, IReadOnlyList<string> features, long sinceUnixNano, long lastUnixNano, CancellationToken cancellationToken)
    {
        var curves = new Dictionary<string, FeatureCurve>(StringComparer.Ordinal);
        if (features.Count == 0 || finding.Position is not { InputTopic: Topics.InferenceEvents } position || lastUnixNano <= 0)
        {
            return curves;
        }

        // As long before the start as after it, so that the change stands in the middle.
        var span = Math.Max(lastUnixNano - sinceUnixNano, UnixNano.Span(TimeSpan.FromMilliseconds(100)));
        var from = sinceUnixNano - span;
        var step = Math.Max(1, ((2 * span) + (Stretches - 1)) / Stretches);
        var sums = features.ToDictionary(f => f, _ => new (double Sum, int Count)[Stretches], StringComparer.Ordinal);
        try
        {
            for (var stretch = 0; stretch < Stretches; stretch++)
            {
                var start = await log.FindOffsetAsync(Topics.InferenceEvents, position.InputPartition, from + (stretch * step), cancellationToken).ConfigureAwait(false);
                await foreach (var entry in log.ReadAsync(Topics.InferenceEvents, position.InputPartition, start, start + (4 * EventsPerStretch), cancellationToken).ConfigureAwait(false))
                {
                    if (entry.TimeUnixNano >= from + ((stretch + 1) * step) || Full(sums, stretch))
                    {
                        break;
                    }

                    if (entry.Value is { } value)
                    {
                        Add(value, finding.Model, sums, stretch);
                    }
                }
            }
        }
        catch (EventLogException)
        {
            // Retention took the range, or the log is away: no curve rather than no page.
            return curves;
        }

        foreach (var (feature, stretches) in sums)
        {
            if (stretches.Count(s => s.Count > 0) >= 3)
            {
                curves[feature] = new FeatureCurve(from, from + (Stretches * step), sinceUnixNano, [.. stretches.Select(s => s.Count > 0 ? s.Sum / s.Count : double.NaN)]);
            }
        }

        return curves;
    }

    private static bool Full(Dictionary<string, (double Sum, int Count)[]> sums, int stretch) => sums.Values.All(s => s[stretch].Count >= EventsPerStretch);

    private void Add(ReadOnlyMemory<byte> value, string model, Dictionary<string, (double Sum, int Count)[]> sums, int stretch)
    {
        InferenceEvent call;
        try
        {
            call = InferenceEvent.Parser.ParseFrom(value.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            return;
        }

        if (call.Model != model || samples.Describe(call) is not { } description || description.Schema.Image is not null || EventRowReader.Read(description, call) is not { } batch)
        {
            return;
        }

        var column = 0;
        foreach (var feature in description.Schema.Features)
        {
            if (feature is { Sensitive: false, Width: 1 } && sums.TryGetValue(feature.Name, out var stretches))
            {
                for (var row = 0; row < batch.Count; row++)
                {
                    if (batch.Input(row)[column] is var number && float.IsFinite(number))
                    {
                        stretches[stretch] = (stretches[stretch].Sum + number, stretches[stretch].Count + 1);
                    }
                }
            }

            column += feature.Width;
        }
    }
}
