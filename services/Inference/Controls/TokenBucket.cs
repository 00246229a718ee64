namespace Monitoring.Inference;

/// <summary>A token bucket, full at first. Thread-safe.</summary>
internal sealed class TokenBucket
{
    private readonly Lock _gate = new();
    private readonly double _rate;
    private readonly double _burst;
    private double _tokens;
    private double _at;

    /// <param name="rate">Tokens a second.</param>
    /// <param name="burst">Most tokens, at least 1.</param>
    /// <param name="now">Now in seconds, on any steady clock.</param>
    public TokenBucket(double rate, double burst, double now)
    {
        _rate = rate;
        _burst = burst;
        _tokens = burst;
        _at = now;
    }

    /// <summary>Takes a token; where there is none, says in how many seconds there will be one.</summary>
    public bool TryTake(double now, out double wait)
    {
        lock (_gate)
        {
            _tokens = Math.Min(_burst, _tokens + (Math.Max(0, now - _at) * _rate));
            _at = Math.Max(_at, now);
            if (_tokens >= 1)
            {
                _tokens--;
                wait = 0;
                return true;
            }

            wait = (1 - _tokens) / _rate;
            return false;
        }
    }
}
