using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference;

/// <summary>
/// The standing <c>limits</c>: calls a second and a day of each client of each model. The first entry that matches counts. The
/// day's counts are kept in a file, so that a restart gives nobody a second day.
/// </summary>
internal sealed class LimitTable
{
    private const int MaxStates = 1_000_000;

    /// <summary>Beyond the bound on memory newcomers share one state.</summary>
    private const string Others = "\u0001others";

    private readonly TimeProvider _time;
    private readonly ClientSealer _sealer;
    private readonly string _file;
    private readonly ConcurrentDictionary<(Door Door, string Model, string Client), State> _states = new();
    private Entry[] _entries;

    public LimitTable(LoadedConfiguration configuration, ClientSealer sealer, TimeProvider time)
    {
        _time = time;
        _sealer = sealer;
        _file = Path.Combine(configuration.DataDirectory, "limits.json");
        _entries = Entries(configuration.Value.Limits);
        Load();
    }

    public bool IsEmpty => Volatile.Read(ref _entries).Length == 0;

    /// <summary>Puts other limits in place; what was counted today stays.</summary>
    public void Replace(IReadOnlyList<LimitConfiguration> limits)
    {
        Volatile.Write(ref _entries, Entries(limits));
        foreach (var state in _states.Values)
        {
            state.Bucket = null;
        }
    }

    /// <summary>Counts a call. False where it is one too many, with the seconds to wait and which limit it was.</summary>
    public bool TryTake(Door door, string model, string client, out double wait, out string limit)
    {
        (wait, limit) = (0, "");
        foreach (var entry in Volatile.Read(ref _entries))
        {
            if ((entry.Models.Count > 0 && !entry.Models.Contains(model)) || (entry.Clients.Count > 0 && !entry.Clients.Contains(client)))
            {
                continue;
            }

            var key = (door, model, _states.Count < MaxStates || _states.ContainsKey((door, model, client)) ? client : Others);
            return Take(entry.Limit, _states.GetOrAdd(key, static _ => new State()), out wait, out limit);
        }

        return true;
    }

    /// <summary>Writes the day's counts.</summary>
    /// <exception cref="IOException">The disk is full or gone.</exception>
    public void Save()
    {
        var today = Today();
        var counts = _states.Where(s => s.Value.Day == today && s.Value.Count > 0).Select(s => new Kept(s.Key.Door, s.Key.Model, s.Key.Client, s.Value.Count)).ToList();
        if (counts.Count == 0 && !File.Exists(_file))
        {
            return;
        }

        var temporary = _file + ".tmp";
        File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(new KeptDay(today, counts)));
        File.Move(temporary, _file, overwrite: true);
    }

    private bool Take(LimitConfiguration limit, State state, out double wait, out string name)
    {
        (wait, name) = (0, "");
        lock (state)
        {
            var today = Today();
            if (state.Day != today)
            {
                (state.Day, state.Count) = (today, 0);
            }

            if (limit.PerDay is { } perDay && state.Count >= perDay)
            {
                var now = _time.GetUtcNow();
                (wait, name) = ((now.UtcDateTime.Date.AddDays(1) - now.UtcDateTime).TotalSeconds, "per-day");
                return false;
            }

            if (limit.PerSecond is { } rate)
            {
                var seconds = _time.GetTimestamp() / (double)_time.TimestampFrequency;
                state.Bucket ??= new TokenBucket(rate, Math.Max(1, limit.Burst ?? (2 * rate)), seconds);
                if (!state.Bucket.TryTake(seconds, out wait))
                {
                    name = "per-second";
                    return false;
                }
            }

            state.Count++;
            return true;
        }
    }

    private void Load()
    {
        try
        {
            if (File.Exists(_file) && JsonSerializer.Deserialize<KeptDay>(File.ReadAllBytes(_file)) is { } kept && kept.Day == Today())
            {
                foreach (var one in kept.Counts)
                {
                    _states[(one.Door, one.Model, one.Client)] = new State { Day = kept.Day, Count = one.Count };
                }
            }
        }
        catch (JsonException)
        {
            // Torn by a power cut: the day is counted from now.
        }
    }

    private string Today() => _time.GetUtcNow().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private Entry[] Entries(IReadOnlyList<LimitConfiguration> limits) =>
        [.. limits.Select(l => new Entry(l, l.Models.ToHashSet(StringComparer.Ordinal), l.Clients.Select(c => _sealer.Seal("client", c)).ToHashSet(StringComparer.Ordinal)))];

    private sealed record Entry(LimitConfiguration Limit, HashSet<string> Models, HashSet<string> Clients);

    private sealed class State
    {
        public TokenBucket? Bucket { get; set; }

        public string Day { get; set; } = "";

        public long Count { get; set; }
    }

    private sealed record KeptDay(string Day, IReadOnlyList<Kept> Counts);

    private sealed record Kept(Door Door, string Model, string Client, long Count);
}
