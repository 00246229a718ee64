namespace Monitoring.Replay.Tests;

/// <summary>Where the checkout lies.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    private static string Find()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }
}
