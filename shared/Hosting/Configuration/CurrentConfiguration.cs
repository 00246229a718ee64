namespace Monitoring.Hosting.Configuration;

/// <summary>The configuration in use: the one of the start, or what a reload put in its place.</summary>
/// <param name="started">As of the start.</param>
public sealed class CurrentConfiguration(LoadedConfiguration started)
{
    private LoadedConfiguration _value = started;

    public LoadedConfiguration Value
    {
        get => Volatile.Read(ref _value);
        internal set => Volatile.Write(ref _value, value);
    }
}
