namespace Monitoring.Detection.Tests.Support;

internal static class CheckpointLogExtensions
{
    /// <summary>A checkpoint of the values, in one piece; null removes one.</summary>
    public static async ValueTask WriteAsync(this CheckpointLog checkpoints, IReadOnlyList<(StateKey Key, byte[]? Value)> changed, long resumeOffset, string configurationSha256, CancellationToken cancellationToken)
    {
        using var changes = new StateChanges();
        foreach (var (key, value) in changed)
        {
            if (value is null)
            {
                changes.Remove(key);
            }
            else
            {
                changes.Set(key, value);
            }
        }

        await checkpoints.CommitAsync(changes, resumeOffset, configurationSha256, cancellationToken);
    }
}
