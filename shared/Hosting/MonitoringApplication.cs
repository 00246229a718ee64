using Microsoft.AspNetCore.Builder;

namespace Monitoring.Hosting;

/// <summary>Runs a set of modules in this process.</summary>
public static class MonitoringApplication
{
    /// <summary>Builds the host from the command line, runs it until it is told to stop, and returns the exit code.</summary>
    public static async Task<int> RunAsync(string[] args, params IServiceModule[] modules)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        foreach (var module in modules)
        {
            module.ConfigureServices(builder.Services);
        }

        await using var app = builder.Build();
        foreach (var module in modules)
        {
            module.MapEndpoints(app);
        }

        await app.RunAsync().ConfigureAwait(false);
        return 0;
    }
}
