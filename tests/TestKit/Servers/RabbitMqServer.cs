using System.Globalization;

namespace Monitoring.TestKit.Servers;

/// <summary>RabbitMQ with its own port mapper, user guest.</summary>
public sealed class RabbitMqServer : IAsyncDisposable
{
    private readonly TemporaryDirectory _directory;
    private readonly ServerProcess _mapper;
    private readonly ServerProcess _process;

    private RabbitMqServer(TemporaryDirectory directory, ServerProcess mapper, ServerProcess process, int port)
    {
        _directory = directory;
        _mapper = mapper;
        _process = process;
        Url = string.Create(CultureInfo.InvariantCulture, $"amqp://guest:guest@127.0.0.1:{port}/");
    }

    public string Url { get; }

    public static async Task<RabbitMqServer> StartAsync()
    {
        // The package's own command in /usr/sbin changes to the user rabbitmq, who may not write here.
        var scripts = Directory.Exists("/usr/lib/rabbitmq/lib") ? Directory.GetFiles("/usr/lib/rabbitmq/lib", "rabbitmq-server", SearchOption.AllDirectories) : [];
        var server = ServerProcess.Require("rabbitmq-server", scripts);
        var epmd = ServerProcess.Require("erlang-base", "/usr/bin/epmd");
        var directory = new TemporaryDirectory();
        var port = ServerProcess.FreePort();
        var mapperPort = ServerProcess.FreePort().ToString(CultureInfo.InvariantCulture);
        var mapper = ServerProcess.Start(epmd, ["-port", mapperPort, "-address", "127.0.0.1"]);
        var process = ServerProcess.Start(server, [], new Dictionary<string, string>
        {
            ["HOME"] = directory.Path,
            ["ERL_EPMD_PORT"] = mapperPort,
            ["RABBITMQ_NODENAME"] = string.Create(CultureInfo.InvariantCulture, $"monitoring{port}@localhost"),
            ["RABBITMQ_NODE_IP_ADDRESS"] = "127.0.0.1",
            ["RABBITMQ_NODE_PORT"] = port.ToString(CultureInfo.InvariantCulture),
            ["RABBITMQ_DIST_PORT"] = ServerProcess.FreePort().ToString(CultureInfo.InvariantCulture),
            ["RABBITMQ_MNESIA_BASE"] = directory.File("mnesia"),
            ["RABBITMQ_LOG_BASE"] = directory.File("log"),
            ["RABBITMQ_PID_FILE"] = directory.File("pid"),
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = directory.File("plugins"),
            ["RABBITMQ_CONFIG_FILE"] = directory.File("rabbitmq"),
            ["RABBITMQ_CONF_ENV_FILE"] = directory.File("env"),
        });
        var self = new RabbitMqServer(directory, mapper, process, port);
        try
        {
            await process.ReadyAsync(() => ServerProcess.ListensAsync(port), "RabbitMQ");
            return self;
        }
        catch
        {
            await self.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        await _mapper.DisposeAsync();
        _directory.Dispose();
    }
}
