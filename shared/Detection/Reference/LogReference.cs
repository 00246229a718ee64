using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Reference data from a range of the log: <c>fit</c> from traffic, and <c>profile accept</c>, which makes an incident's range the new normal.</summary>
public static class LogReference
{
    /// <summary>
    /// Reads the usable rows of a model version in log order: no event that breaks the schema, no failed call, nothing that <paramref name="exclude"/> names
    /// (flagged traffic must not enter a profile).
    /// </summary>
    /// <param name="log">The log.</param>
    /// <param name="topic">Topic of the events.</param>
    /// <param name="model">Model.</param>
    /// <param name="version">Its version.</param>
    /// <param name="known">What is known of the model; null: inferred from the first event.</param>
    /// <param name="fromUnixNano">First log time.</param>
    /// <param name="toUnixNano">End of the range, exclusive.</param>
    /// <param name="maxRows">Rows read at most, the first ones.</param>
    /// <param name="exclude">Events to leave out.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="FitException">The range holds no usable event of the model.</exception>
    public static async ValueTask<ReferenceData> ReadAsync(
        IEventLog log,
        string topic,
        string model,
        string version,
        ModelDescription? known,
        long fromUnixNano,
        long toUnixNano,
        int maxRows = 100_000,
        Func<InferenceEvent, bool>? exclude = null,
        CancellationToken cancellationToken = default)
    {
        var reader = new EventReader();
        var events = new List<DecodedEvent>();
        var partitions = await log.GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
        for (var partition = 0; partition < partitions; partition++)
        {
            var from = await log.FindOffsetAsync(topic, partition, fromUnixNano, cancellationToken).ConfigureAwait(false);
            var to = await log.FindOffsetAsync(topic, partition, toUnixNano, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(topic, partition, from, to, cancellationToken).ConfigureAwait(false))
            {
                if (reader.TryRead(entry, out var decoded, out _)
                    && string.Equals(decoded.Model, model, StringComparison.Ordinal)
                    && string.Equals(decoded.Version, version, StringComparison.Ordinal)
                    && decoded.Facts.IsClean
                    && exclude?.Invoke(decoded.Parse()) is not true)
                {
                    events.Add(decoded);
                    if (events.Count >= maxRows)
                    {
                        break;
                    }
                }
            }
        }

        var ordered = events.OrderBy(e => e.TimeUnixNano).ThenBy(e => e.Offset).Take(maxRows).ToList();
        var description = ordered.Select(e => ModelDescriptions.Infer(e.Parse(), known)).FirstOrDefault(d => d is not null)
            ?? throw new FitException($"the range holds no usable event of model {model} version {version}");
        var builder = new RowBatchBuilder(description);
        var admission = new AdmissionRule(new AdmissionSettings());
        foreach (var decoded in ordered)
        {
            builder.Add(decoded, reader.Tensors, admission);
        }

        return ReferenceData.Split(builder.Build(), seed: StableHash.Of(model));
    }
}
