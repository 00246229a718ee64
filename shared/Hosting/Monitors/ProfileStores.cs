using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>Profiles of the installation: one store per group, so that services in processes of their own share a data folder without sharing files.</summary>
public sealed class ProfileStores(LoadedConfiguration configuration, TimeProvider time)
{
    public ProfileStore this[string group] => new(Path.Combine(configuration.DataDirectory, "profiles", group), time);
}
