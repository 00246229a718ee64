using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Hosting;

/// <summary>The log answers and its topics exist.</summary>
internal sealed class LogReadiness(IEventLog log, LogTopics topics) : IReadinessCheck
{
    public string Name => "log";

    public async ValueTask<string?> CheckAsync(CancellationToken cancellationToken)
    {
        if (!topics.Ready.IsCompletedSuccessfully)
        {
            return topics.Ready.Exception?.GetBaseException().Message ?? "topics are being created";
        }

        await log.GetOffsetsAsync(Topics.InferenceEvents, 0, cancellationToken).ConfigureAwait(false);
        return null;
    }
}
