using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog.Embedded;

namespace Monitoring.EventLog.Tests;

/// <summary>
/// This assembly started again as a program that appends until it is killed, when <see cref="Variable"/> names a folder: it prints the offset of every
/// acknowledged record.
/// </summary>
internal static class ChildProcess
{
    public const string Variable = "MONITORING_EVENTLOG_APPENDER";

    [ModuleInitializer]
    internal static void RunWhenAsked()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } directory)
        {
            Append(directory);
        }
    }

    public static byte[] Value(long offset)
    {
        var value = new byte[100 + (int)(offset % 400)];
        new Random((int)offset).NextBytes(value);
        return value;
    }

    /// <summary>Blocks on purpose: until this initializer is through, no other thread may run code of this assembly.</summary>
    private static void Append(string directory)
    {
        using var output = Console.OpenStandardOutput();
        var log = EmbeddedEventLog.Open(new EmbeddedEventLogOptions { Directory = directory, SegmentBytes = 256 * 1024, WalBytes = 64 * 1024 }, TimeProvider.System, NullLoggerFactory.Instance);
        log.EnsureTopicAsync(new TopicDefinition("t", 1)).AsTask().GetAwaiter().GetResult();
        var next = log.GetOffsetsAsync("t", 0).AsTask().GetAwaiter().GetResult().End;
        while (true)
        {
            var records = new LogRecord[1 + (int)(next % 7)];
            for (var i = 0; i < records.Length; i++)
            {
                records[i] = new LogRecord("k"u8.ToArray(), Value(next + i), []);
            }

            next = log.AppendAsync("t", records).AsTask().GetAwaiter().GetResult()[^1].Offset + 1;
            output.Write(System.Text.Encoding.ASCII.GetBytes((next - 1).ToString(CultureInfo.InvariantCulture) + "\n"));
            output.Flush();
        }
    }
}
