using Microsoft.Extensions.Hosting;
using Monitoring.Storage;

namespace Monitoring.WebConsole;

/// <summary>Makes the tables where the console is the first to need them; where Alerting was, this does nothing.</summary>
internal sealed class ConsoleDatabase(MonitoringDatabase database) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => database.InitializeAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
