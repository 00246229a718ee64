namespace Monitoring.TestKit;

/// <summary>A new empty folder, removed with its content on dispose.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("monitoring-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A process or task that was told to stop may still be writing its last file: the folder is removed as soon as it lets go.</summary>
    public void Dispose()
    {
        const int attempts = 100;
        for (var attempt = 1; Directory.Exists(Path); attempt++)
        {
            try
            {
                Directory.Delete(Path, recursive: true);
            }
            catch (IOException) when (attempt < attempts)
            {
                Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System).GetAwaiter().GetResult();
            }
        }
    }
}
