using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>
/// Keys are looked up in the configuration in use: one taken out of the file ends at once. From no keys to some, or back, is another
/// installation and takes a restart: what needs no key is settled when endpoints are mapped.
/// </summary>
internal sealed class ReloadableKeys(LoadedConfiguration started) : IReloadable
{
    public IReadOnlyList<string> Keys => started.Value.Api.Keys.Count > 0 ? ["api.keys"] : [];

    public ValueTask<IReloadStep> PrepareAsync(LoadedConfiguration next, CancellationToken cancellationToken) =>
        (started.Value.Api.Keys.Count == 0) == (next.Value.Api.Keys.Count == 0)
            ? ValueTask.FromResult<IReloadStep>(new Nothing())
            : throw new ReloadRefusedException($"api.keys: {(next.Value.Api.Keys.Count == 0 ? "taking away the last key" : "the first key")} takes a restart");

    /// <summary>The configuration in use is switched by the reloader itself.</summary>
    private sealed class Nothing : IReloadStep
    {
        public void Commit()
        {
        }

        public void Abandon()
        {
        }
    }
}
