using System.Diagnostics;

namespace Monitoring.TestKit;

/// <summary>Waits for a condition instead of sleeping.</summary>
public static class Eventually
{
    /// <summary>Polls until <paramref name="condition"/> holds; throws <see cref="TimeoutException"/> naming <paramref name="what"/> after <paramref name="timeout"/> (30 s).</summary>
    public static async Task TrueAsync(Func<ValueTask<bool>> condition, string what, TimeSpan? timeout = null)
    {
        var limit = timeout ?? TimeSpan.FromSeconds(30);
        var watch = Stopwatch.StartNew();
        while (!await condition().ConfigureAwait(false))
        {
            if (watch.Elapsed > limit)
            {
                throw new TimeoutException($"after {limit.TotalSeconds:F0} s still not: {what}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <inheritdoc cref="TrueAsync(Func{ValueTask{bool}}, string, TimeSpan?)"/>
    public static Task TrueAsync(Func<bool> condition, string what, TimeSpan? timeout = null) =>
        TrueAsync(() => ValueTask.FromResult(condition()), what, timeout);
}
