using System.Diagnostics;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.EventLog.Kafka;
using Monitoring.TestKit;

namespace Monitoring.Benchmarks.Suites;

/// <summary>
/// The event log with records of 500 B, each against its baseline in the same run: the embedded log against inserts into one SQLite file, Kafka against
/// Confluent.Kafka's producer on librdkafka's mock cluster. <c>--seconds</c> per measurement (4), <c>--rounds</c> (3; medians are reported).
/// </summary>
internal static class LogSuite
{
    private const int Batch = 256;
    private const int RecordBytes = 500;
    private static readonly LogRecord[] s_batch = CreateBatch();

    public static async Task<object> RunAsync(BenchmarkArguments arguments)
    {
        var seconds = TimeSpan.FromSeconds(double.Parse(arguments["seconds", "4"], System.Globalization.CultureInfo.InvariantCulture));
        var rounds = int.Parse(arguments["rounds", "3"], System.Globalization.CultureInfo.InvariantCulture);
        var raw = new List<double>();
        var alone = new List<double>();
        var single = new List<double>();
        var groups = new List<(double Appends, double Delivered, long Wal)>();
        var rawKafka = new List<double>();
        var kafka = new List<double>();
        var rawCpu = new List<double>();
        var aloneCpu = new List<double>();
        var groupsCpu = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var cpu = Environment.CpuUsage.TotalTime;
            raw.Add(RawSqlite(seconds));
            rawCpu.Add(MicrosecondsSince(ref cpu) / (raw[^1] * seconds.TotalSeconds));
            alone.Add((await EmbeddedAsync(seconds, 0, Batch).ConfigureAwait(false)).Appends);
            aloneCpu.Add(MicrosecondsSince(ref cpu) / (alone[^1] * seconds.TotalSeconds));
            groups.Add(await EmbeddedAsync(seconds, 6, Batch).ConfigureAwait(false));
            groupsCpu.Add(MicrosecondsSince(ref cpu) / (groups[^1].Appends * seconds.TotalSeconds));
            single.Add((await EmbeddedAsync(seconds, 0, 1).ConfigureAwait(false)).Appends);
            rawKafka.Add(await RawKafkaAsync(seconds).ConfigureAwait(false));
            kafka.Add(await KafkaAsync(seconds).ConfigureAwait(false));
        }

        return new
        {
            recordBytes = RecordBytes,
            secondsPerMeasurement = seconds.TotalSeconds,
            rounds,
            processors = Environment.ProcessorCount,
            loadAverage = (await File.ReadAllTextAsync("/proc/loadavg").ConfigureAwait(false)).Split(' ')[0],
            embedded = new
            {
                rawSqliteInsertsPerSecond = Median(raw),
                writerAloneAppendsPerSecond = Median(alone),
                writerAloneToRaw = Median([.. alone.Zip(raw, (a, b) => a / b)]),
                singleRecordAppendsPerSecond = Median(single),
                sixGroupsAppendsPerSecond = Median([.. groups.Select(g => g.Appends)]),
                sixGroupsDeliveredPerSecond = Median([.. groups.Select(g => g.Delivered)]),
                // Of the whole process, set-up included: it does not depend on what else the machine does.
                cpuMicrosecondsPerRecord = new { rawSqlite = Median(rawCpu), writerAlone = Median(aloneCpu), sixGroups = Median(groupsCpu) },
                sixGroupsLargestWalBytes = groups.Max(g => g.Wal),
            },
            kafkaMockCluster = new
            {
                rawProducerPerSecond = Median(rawKafka),
                appendsPerSecond = Median(kafka),
                appendsToRaw = Median([.. kafka.Zip(rawKafka, (a, b) => a / b)]),
            },
            goals = new { writerAlone = 150_000, sixGroups = 90_000, walBytes = 64 * 1024 * 1024, kafkaToRaw = 0.9 },
        };
    }

    private static double RawSqlite(TimeSpan duration)
    {
        using var directory = new TemporaryDirectory();
        using var database = SqliteDatabase.Open(directory.File("raw.db"), SqliteDatabase.Mode.ReadWriteCreate);
        database.Execute("PRAGMA journal_mode=WAL");
        database.Execute("PRAGMA synchronous=NORMAL");
        database.Execute("CREATE TABLE log(offset INTEGER PRIMARY KEY, time INTEGER NOT NULL, body BLOB NOT NULL)");
        using var insert = database.Prepare("INSERT INTO log VALUES(?,?,?)");
        var body = new byte[RecordBytes];
        var rows = 0L;
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < duration)
        {
            database.Execute("BEGIN IMMEDIATE");
            for (var i = 0; i < 2 * Batch; i++)
            {
                insert.Bind(1, rows).Bind(2, rows).Bind(3, body).Run();
                rows++;
            }

            database.Execute("COMMIT");
        }

        return rows / watch.Elapsed.TotalSeconds;
    }

    private static async Task<(double Appends, double Delivered, long Wal)> EmbeddedAsync(TimeSpan duration, int groups, int batch)
    {
        using var directory = new TemporaryDirectory();
        var options = new EmbeddedEventLogOptions { Directory = directory.Path, SegmentBytes = 64 * 1024 * 1024, MaintenanceInterval = TimeSpan.FromSeconds(1) };
        await using var log = EmbeddedEventLog.Open(options, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition("bench", 1, MaxBytes: groups > 0 ? 256L * 1024 * 1024 : null)).ConfigureAwait(false);
        var delivered = new Delivered();
        for (var g = 0; g < groups; g++)
        {
            await log.SubscribeAsync(new GroupSubscription($"group-{g}", "bench", a => new Reader(a, delivered))).ConfigureAwait(false);
        }

        var watch = Stopwatch.StartNew();
        var wal = 0L;
        var producers = Enumerable.Range(0, batch == 1 ? 256 : 4).Select(_ => Task.Run(async () =>
        {
            var sent = 0L;
            while (watch.Elapsed < duration)
            {
                if (batch == 1)
                {
                    await log.AppendAsync("bench", s_batch[0]).ConfigureAwait(false);
                }
                else
                {
                    await log.AppendAsync("bench", s_batch).ConfigureAwait(false);
                }

                sent += batch;
            }

            return sent;
        })).ToArray();
        while (!producers.All(p => p.IsCompleted))
        {
            wal = Math.Max(wal, new DirectoryInfo(Path.Combine(directory.Path, "bench")).GetFiles("*-wal").Sum(f => f.Exists ? f.Length : 0));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System).ConfigureAwait(false);
        }

        var total = (await Task.WhenAll(producers).ConfigureAwait(false)).Sum();
        return (total / watch.Elapsed.TotalSeconds, delivered.Records / watch.Elapsed.TotalSeconds, wal);
    }

    private static async Task<double> RawKafkaAsync(TimeSpan duration)
    {
        using var cluster = new MockKafkaCluster();
        cluster.CreateTopic("bench", 4);
        var config = new ProducerConfig
        {
            BootstrapServers = cluster.BootstrapServers,
            EnableIdempotence = true,
            Acks = Acks.All,
            Partitioner = Partitioner.Murmur2Random,
            DeliveryReportFields = "status",
            QueueBufferingMaxMessages = 0,
        };
        using var producer = new ProducerBuilder<byte[], byte[]>(config).Build();
        var key = s_batch[0].Key.ToArray();
        var value = s_batch[0].Value!.Value.ToArray();
        return await ProduceAsync(duration, () =>
        {
            var open = Batch;
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            for (var i = 0; i < Batch; i++)
            {
                producer.Produce("bench", new Message<byte[], byte[]> { Key = key, Value = value }, _ =>
                {
                    if (Interlocked.Decrement(ref open) == 0)
                    {
                        done.SetResult();
                    }
                });
            }

            return done.Task;
        }).ConfigureAwait(false);
    }

    private static async Task<double> KafkaAsync(TimeSpan duration)
    {
        using var cluster = new MockKafkaCluster();
        cluster.CreateTopic("bench", 4);
        await using var log = new KafkaEventLog(new KafkaEventLogOptions { BootstrapServers = cluster.BootstrapServers }, TimeProvider.System, NullLoggerFactory.Instance);
        await log.EnsureTopicAsync(new TopicDefinition("bench", 4)).ConfigureAwait(false);
        return await ProduceAsync(duration, () => log.AppendAsync("bench", s_batch).AsTask()).ConfigureAwait(false);
    }

    private static async Task<double> ProduceAsync(TimeSpan duration, Func<Task> produceBatch)
    {
        await produceBatch().ConfigureAwait(false);
        var watch = Stopwatch.StartNew();
        var sent = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            var records = 0L;
            while (watch.Elapsed < duration)
            {
                await produceBatch().ConfigureAwait(false);
                records += Batch;
            }

            return records;
        }))).ConfigureAwait(false);
        return sent.Sum() / watch.Elapsed.TotalSeconds;
    }

    private static LogRecord[] CreateBatch()
    {
        var value = new byte[RecordBytes - 8];
        new Random(1).NextBytes(value);
        return [.. Enumerable.Range(0, Batch).Select(_ => new LogRecord("digits"u8.ToArray(), value, []))];
    }

    private static double MicrosecondsSince(ref TimeSpan cpu)
    {
        var now = Environment.CpuUsage.TotalTime;
        var used = now - cpu;
        cpu = now;
        return used.TotalMicroseconds;
    }

    private static double Median(List<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private sealed class Delivered
    {
        private long _records;

        public long Records => Volatile.Read(ref _records);

        public void Add(int records) => Interlocked.Add(ref _records, records);
    }

    private sealed class Reader(PartitionAssignment assignment, Delivered delivered) : IPartitionProcessor
    {
        private int _batches;

        public ValueTask<long?> StartAsync(CancellationToken cancellationToken) => ValueTask.FromResult<long?>(null);

        public async ValueTask ProcessAsync(IReadOnlyList<LogEntry> batch, CancellationToken cancellationToken)
        {
            delivered.Add(batch.Count);
            if (++_batches % 32 == 0)
            {
                await assignment.CommitAsync(batch[^1].Offset + 1, cancellationToken).ConfigureAwait(false);
            }
        }

        public ValueTask StopAsync(bool lost, CancellationToken cancellationToken) => ValueTask.CompletedTask;
    }
}
