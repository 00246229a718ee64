using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Forensics;

/// <summary>True labels of the log by call and row; a later word of somebody replaces an earlier one.</summary>
public sealed class LabelIndex
{
    private readonly Dictionary<(string Call, int Row), Contracts.Feedback> _byEvent = [];
    private readonly Dictionary<(string Call, int Row), Contracts.Feedback> _byRequest = [];

    public int Count => _byEvent.Count + _byRequest.Count;

    /// <summary>Reads the feedback about a model.</summary>
    /// <param name="log">Log.</param>
    /// <param name="model">Model.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <param name="from">Log time of the earliest feedback that is read, nanoseconds since the epoch; 0 for all.</param>
    public static async Task<LabelIndex> ReadAsync(IEventLog log, string model, CancellationToken cancellationToken, long from = 0)
    {
        var index = new LabelIndex();
        var partitions = await log.GetPartitionCountAsync(Topics.Feedback, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions; p++)
        {
            var (first, last) = await LogOffsets.InAsync(log, Topics.Feedback, p, from, long.MaxValue, cancellationToken).ConfigureAwait(false);
            await foreach (var entry in log.ReadAsync(Topics.Feedback, p, first, last, cancellationToken).ConfigureAwait(false))
            {
                index.Add(entry, model);
            }
        }

        return index;
    }

    /// <summary>What was said about a row; null where nothing was.</summary>
    public Contracts.Feedback? Find(string eventId, string requestId, int row) =>
        _byEvent.TryGetValue((eventId, row), out var found) || (requestId.Length > 0 && _byRequest.TryGetValue((requestId, row), out found)) ? found : null;

    private void Add(LogEntry entry, string model)
    {
        if (entry.Value is not { } value)
        {
            return;
        }

        try
        {
            var feedback = Contracts.Feedback.Parser.ParseFrom(value.Span);
            if (feedback.Model != model)
            {
                return;
            }

            if (feedback.EventId.Length > 0)
            {
                _byEvent[(feedback.EventId, feedback.Row)] = feedback;
            }
            else
            {
                _byRequest[(feedback.RequestId, feedback.Row)] = feedback;
            }
        }
        catch (InvalidProtocolBufferException)
        {
            // No feedback: nothing to index.
        }
    }
}
