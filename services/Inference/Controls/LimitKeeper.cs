using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Monitoring.Inference;

/// <summary>Writes the day's counts every few seconds and at the end; a kill costs the last few seconds of counting.</summary>
internal sealed partial class LimitKeeper(LimitTable limits, TimeProvider time, ILogger<LimitKeeper> logger) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            while (true)
            {
                await Task.Delay(s_interval, time, stoppingToken).ConfigureAwait(false);
                Save();
            }
        }
        catch (OperationCanceledException)
        {
            Save();
        }
    }

    private void Save()
    {
        try
        {
            limits.Save();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(e);
        }
    }

    [LoggerMessage(EventId = 2130, Level = LogLevel.Error, Message = "the day's counts of the limits cannot be written; a restart would count from the last ones")]
    private partial void LogFailed(Exception exception);
}
