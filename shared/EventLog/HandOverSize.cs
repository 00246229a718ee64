namespace Monitoring.EventLog;

/// <summary>
/// How many records a processor is given at once: as many as it handles in <see cref="Target"/>, by its last hand-over. What waits is handed over together: of a thousand models every one has a few events
/// among a thousand records and its state must be fetched for them, among thirty thousand it has dozens (ADR 103). A slow processor gets few, so that it can stop, hand over and report soon.
/// Not safe for use by several threads at once.
/// </summary>
/// <param name="most">Most records at once.</param>
/// <param name="time">Measures hand-overs.</param>
public sealed class HandOverSize(int most, TimeProvider time)
{
    /// <summary>Records are counted from here up; fewer only where the subscription says so.</summary>
    private const int Fewest = 1024;

    /// <summary>How long a hand-over may take.</summary>
    public static readonly TimeSpan Target = TimeSpan.FromMilliseconds(500);

    private long _began;

    /// <summary>Most records of the next hand-over.</summary>
    public int Records { get; private set; } = Math.Min(Fewest, most);

    /// <summary>Before a hand-over.</summary>
    public void Begin() => _began = time.GetTimestamp();

    /// <summary>After it.</summary>
    /// <param name="records">Records handed over, at least 1.</param>
    public void End(int records)
    {
        var seconds = Math.Max(time.GetElapsedTime(_began).TotalSeconds, 1e-6);
        Records = Math.Clamp((int)Math.Min(records * Target.TotalSeconds / seconds, most), Math.Min(Fewest, most), most);
    }
}
