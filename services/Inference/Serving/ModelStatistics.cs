using System.Runtime.CompilerServices;

namespace Monitoring.Inference;

/// <summary>Counts of one model since the start; read by observable instruments, so that counting costs an increment.</summary>
internal sealed class ModelStatistics
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<int, StrongBox<long>> _requests = new();
    private long _received;
    private long _captured;
    private long _spoolDropped;
    private long _unmatchedRequests;
    private long _unmatchedResponses;
    private long _duplicates;
    private long _violations;
    private long _slow;

    /// <summary>Answered calls by HTTP status.</summary>
    public IEnumerable<(int Status, long Count)> Requests => _requests.Select(r => (r.Key, Volatile.Read(ref r.Value.Value)));

    /// <summary>Calls and logged events that named the model.</summary>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Events written to the spool.</summary>
    public long Captured => Volatile.Read(ref _captured);

    /// <summary>Events that the spool had no room for.</summary>
    public long Dropped => Volatile.Read(ref _spoolDropped);

    /// <summary>Logged requests without a response within the window.</summary>
    public long UnmatchedRequests => Volatile.Read(ref _unmatchedRequests);

    /// <summary>Logged responses without a request within the window.</summary>
    public long UnmatchedResponses => Volatile.Read(ref _unmatchedResponses);

    /// <summary>Logged events that came again.</summary>
    public long Duplicates => Volatile.Read(ref _duplicates);

    /// <summary>Departures from the schema.</summary>
    public long Violations => Volatile.Read(ref _violations);

    /// <summary>Calls answered later than promised.</summary>
    public long Slow => Volatile.Read(ref _slow);

    public void AddSlow() => Interlocked.Increment(ref _slow);

    public void AddRequest(int status) => Interlocked.Increment(ref _requests.GetOrAdd(status, static _ => new StrongBox<long>()).Value);

    public void AddReceived() => Interlocked.Increment(ref _received);

    public void AddCaptured() => Interlocked.Increment(ref _captured);

    public void AddDropped() => Interlocked.Increment(ref _spoolDropped);

    public void AddDuplicate() => Interlocked.Increment(ref _duplicates);

    public void AddViolations(int count) => Interlocked.Add(ref _violations, count);

    public void AddUnmatched(bool isResponse) => Interlocked.Increment(ref isResponse ? ref _unmatchedResponses : ref _unmatchedRequests);
}
