namespace Monitoring.WebConsole.Access;

/// <summary>Wrong keys per minute, over all callers: beyond, nobody is asked for one. Keys are long; this keeps guesses from filling the audit.</summary>
internal sealed class LoginThrottle(TimeProvider time)
{
    private const int MaxPerMinute = 30;
    private readonly Lock _lock = new();
    private long _minute;
    private int _failures;

    public bool IsOpen
    {
        get
        {
            lock (_lock)
            {
                return Current() < MaxPerMinute;
            }
        }
    }

    public void Failed()
    {
        lock (_lock)
        {
            Current();
            _failures++;
        }
    }

    private int Current()
    {
        var minute = time.GetUtcNow().ToUnixTimeSeconds() / 60;
        if (minute != _minute)
        {
            _minute = minute;
            _failures = 0;
        }

        return _failures;
    }
}
