using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Scoring;

namespace Monitoring.Explainer;

/// <summary>
/// Explains the samples of findings as they come, once per incident: findings of the same model, version, family and client within
/// <see cref="Quiet"/> of log time belong together, as Alerting correlates them.
/// </summary>
internal sealed partial class FindingExplainer(IEventLog log, ModelExplainers explainers, ExplanationStore store, TimeProvider time, Counter<long> explained, Counter<long> failed, ILogger logger, PartitionAssignment assignment) : IPartitionProcessor
{
    /// <summary>Log time after which the same kind of finding is explained again.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromHours(1);

    private const string Method = "kernel-shap";
    private const int Samples = 2;
    private const int RowBudget = 100_000;
    private readonly Dictionary<(string, string, Family, string), long> _last = [];

    public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

    public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
    {
        foreach (var entry in batch)
        {
            if (Parse(entry) is { SampleEventIds.Count: > 0, Position: { } position } finding && IsDue(finding))
            {
                await ExplainAsync(finding, position, cancellationToken).ConfigureAwait(false);
            }
        }

        await assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    private static Finding? Parse(LogEntry entry)
    {
        try
        {
            return entry.Value is { } value ? Finding.Parser.ParseFrom(value.Span) : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private bool IsDue(Finding finding)
    {
        var key = (finding.Model, finding.ModelVersion, finding.Family, finding.Client);
        if (_last.TryGetValue(key, out var last) && finding.TimeUnixNano - last < Quiet.Ticks * 100)
        {
            return false;
        }

        _last[key] = finding.TimeUnixNano;
        return true;
    }

    private async Task ExplainAsync(Finding finding, Position position, CancellationToken cancellationToken)
    {
        try
        {
            var explainer = explainers[finding.Model, finding.ModelVersion];
            var ids = finding.SampleEventIds.Take(Samples).ToHashSet(StringComparer.Ordinal);
            var from = finding.SinceOffset > 0 && finding.SinceOffset <= position.InputOffset ? finding.SinceOffset : 0;
            foreach (var call in await ExplainedRow.FindAsync(log, position.InputPartition, from, position.InputOffset + 1, ids, cancellationToken).ConfigureAwait(false))
            {
                var (explanation, drawing) = await explainer.ExplainAsync(Method, ExplainedRow.Read(call, 0), new PerturbationRequest(0, (_, _, _) => { }) { Budget = RowBudget, Urgent = true }, cancellationToken).ConfigureAwait(false);
                explanation.Id = ExplanationStore.Id(finding.Id, call.Id, 0, Method);
                explanation.FindingId = finding.Id;
                explanation.EventId = call.Id;
                explanation.TimeUnixNano = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks * 100;
                if (drawing is not null)
                {
                    await store.SaveAsync(explanation.Id, drawing, cancellationToken).ConfigureAwait(false);
                }

                await log.AppendAsync(Topics.Explanations, Record(explanation), cancellationToken).ConfigureAwait(false);
                explained.Add(1, new KeyValuePair<string, object?>("method", Method));
            }
        }
        catch (Exception e) when (e is NotSupportedException or RowBudgetException or ScoringException or InvalidDataException or IOException)
        {
            // The finding stands without an explanation; the next ones must still be explained.
            failed.Add(1);
            LogFailed(logger, finding.Id, finding.Model, e.Message);
        }
    }

    private static LogRecord Record(Explanation explanation) => new(
        Encoding.UTF8.GetBytes(explanation.Model),
        explanation.ToByteArray(),
        [
            Header(Headers.SpecVersion, "1.0"),
            Header(Headers.Id, explanation.Id),
            Header(Headers.Source, "monitoring/explainer"),
            Header(Headers.Type, EventTypes.Explanation),
            Header(Headers.Time, DateTimeOffset.FromUnixTimeMilliseconds(explanation.TimeUnixNano / 1_000_000).ToString("O", CultureInfo.InvariantCulture)),
            Header(Headers.Subject, explanation.Model),
            Header(Headers.ContentType, "application/protobuf"),
        ]);

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));

    [LoggerMessage(EventId = 8001, Level = LogLevel.Warning, Message = "finding {FindingId} of model {Model} is not explained: {Reason}")]
    private static partial void LogFailed(ILogger logger, string findingId, string model, string reason);
}
