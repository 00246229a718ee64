using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog.Embedded;
using Monitoring.TestKit;

namespace Monitoring.EventLog.Compliance;

/// <summary>The embedded log in a temporary folder, with small segments.</summary>
internal sealed class EmbeddedHarness : LogHarness
{
    private readonly TemporaryDirectory _directory = new();
    private readonly EmbeddedEventLog _log;

    public EmbeddedHarness() => _log = EmbeddedEventLog.Open(
        new EmbeddedEventLogOptions
        {
            Directory = _directory.Path,
            SegmentBytes = 128 * 1024,
            TailBytes = 64 * 1024,
            MaintenanceInterval = TimeSpan.FromMilliseconds(100),
            HandoverTimeout = TimeSpan.FromSeconds(2),
        },
        TimeProvider.System,
        NullLoggerFactory.Instance);

    public override IEventLog Log => _log;

    public override ValueTask<IEventLog> ConnectAsync() => ValueTask.FromResult<IEventLog>(_log);

    /// <summary>Retention removes whole segments: fills the active one, so that the next record starts another, and gives up all but the newest.</summary>
    public override async ValueTask RetireAsync(string topic, long offset)
    {
        var filler = new byte[50_000];
        while ((await _log.GetOffsetsAsync(topic, 0)).Start < offset)
        {
            await _log.AppendAsync(topic, new LogRecord("filler"u8.ToArray(), filler, []));
            await _log.EnsureTopicAsync(new TopicDefinition(topic, 1, MaxBytes: 1));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _log.DisposeAsync();
        _directory.Dispose();
    }
}
