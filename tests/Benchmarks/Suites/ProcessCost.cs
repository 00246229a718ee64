using System.Globalization;

namespace Monitoring.Benchmarks.Suites;

/// <summary>What the whole process has used up so far: steadier than wall time on a machine with other work.</summary>
internal sealed record ProcessCost(TimeSpan Cpu, TimeSpan System, long WriterNanoseconds, long AllocatedBytes, long MinorFaults, long Switches, int[] Collections, TimeSpan Pause)
{
    /// <summary>Name of the thread that writes the embedded log, as the kernel cuts it.</summary>
    private const string Writer = "eventlog-writer";

    public static ProcessCost Now()
    {
        // Of threads, not of the process: nonvoluntary and voluntary switches, and run time in nanoseconds.
        long switches = 0;
        long writer = 0;
        foreach (var task in Directory.EnumerateDirectories("/proc/self/task"))
        {
            try
            {
                foreach (var line in File.ReadLines(Path.Combine(task, "status")).Where(l => l.Contains("ctxt_switches", StringComparison.Ordinal)))
                {
                    switches += Number(line.AsSpan(line.IndexOf(':') + 1));
                }

                if (File.ReadAllText(Path.Combine(task, "comm")).Trim() == Writer)
                {
                    writer += Number(File.ReadAllText(Path.Combine(task, "schedstat")).Split(' ')[0]);
                }
            }
            catch (IOException)
            {
                // The thread has ended meanwhile.
            }
        }

        var stat = File.ReadAllText("/proc/self/stat");
        var faults = Number(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[7]);
        var cpu = Environment.CpuUsage;
        return new ProcessCost(cpu.TotalTime, cpu.PrivilegedTime, writer, GC.GetTotalAllocatedBytes(), faults, switches, [.. Enumerable.Range(0, 3).Select(GC.CollectionCount)], GC.GetTotalPauseDuration());
    }

    /// <summary>What one of that many calls took since then.</summary>
    public PerCall Since(ProcessCost before, int calls) => new(
        (Cpu - before.Cpu).TotalMicroseconds / calls,
        (System - before.System).TotalMicroseconds / calls,
        (WriterNanoseconds - before.WriterNanoseconds) / 1e3 / calls,
        (AllocatedBytes - before.AllocatedBytes) / (double)calls,
        (MinorFaults - before.MinorFaults) / (double)calls,
        (Switches - before.Switches) / (double)calls,
        [.. Collections.Zip(before.Collections, (a, b) => (a - b) / (double)calls)],
        (Pause - before.Pause).TotalMicroseconds / calls);

    private static long Number(ReadOnlySpan<char> text) => long.Parse(text, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);

    internal sealed record PerCall(double CpuMicroseconds, double SystemMicroseconds, double WriterMicroseconds, double AllocatedBytes, double MinorFaults, double Switches, double[] Collections, double PauseMicroseconds);
}
