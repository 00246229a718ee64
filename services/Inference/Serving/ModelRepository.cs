using System.Collections.Frozen;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>All configured models. A model that cannot be loaded at start is a start-up error; a reload that fails keeps what runs.</summary>
internal sealed partial class ModelRepository : IHostedService, IDisposable
{
    private readonly LoadedConfiguration _configuration;
    private readonly ScoringRuntime _runtime;
    private readonly TimeProvider _time;
    private readonly ILogger<ModelRepository> _logger;
    private readonly FrozenDictionary<string, ServedModel> _models;

    public ModelRepository(LoadedConfiguration configuration, ScoringRuntime runtime, ClientSealer sealer, TimeProvider time, ILogger<ModelRepository> logger)
    {
        _configuration = configuration;
        _runtime = runtime;
        _time = time;
        _logger = logger;
        _models = configuration.Value.Models.ToFrozenDictionary(
            m => m.Name,
            m => new ServedModel(m, m.Schema is { } file ? SchemaFile.Read(configuration.Resolve(file)) : null, new ClientIdentity(m, sealer)),
            StringComparer.Ordinal);
    }

    public IReadOnlyCollection<ServedModel> Models => _models.Values;

    /// <summary>The model of that name, or null.</summary>
    public ServedModel? Find(string name) => _models.GetValueOrDefault(name);

    /// <exception cref="ProtocolException">404: no such model.</exception>
    public ServedModel Get(string name) => _models.TryGetValue(name, out var model)
        ? model
        : throw new ProtocolException(404, $"model '{(name.Length > 100 ? name[..100] : name)}' is unknown");

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var model in Models)
        {
            Load(model);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Reads a model's files again and switches to them; calls under way finish on what they began with.</summary>
    /// <exception cref="ScoringException">A file is missing, no model, or not the pinned one; the present versions go on.</exception>
    public void Load(ServedModel model)
    {
        var configuration = model.Configuration;
        var versions = new List<ModelVersion>();
        try
        {
            Add(configuration.Version, configuration.Onnx, configuration.Upstream);
            foreach (var other in configuration.Versions)
            {
                Add(other.Version, other.Onnx, other.Upstream);
            }

            if (configuration.Fallback is { } fallback && UpstreamVersion.IsAddress(fallback))
            {
                Add(ControlTargets.Fallback, null, new UpstreamConfiguration { Url = new Uri(fallback), Binary = false });
            }
        }
        catch
        {
            versions.ForEach(v => v.Retire());
            throw;
        }

        model.Replace(versions);
        return;

        void Add(string version, OnnxConfiguration? onnx, UpstreamConfiguration? upstream)
        {
            if (onnx is not null)
            {
                var served = new OnnxVersion(configuration, version, onnx, _configuration.Resolve(onnx.Path), _runtime, _time);
                versions.Add(served);
                LogLoaded(configuration.Name, version, served.Sha256);
            }
            else if (upstream is not null)
            {
                // No redirects: a model server that answers elsewhere is a configuration error, not a place to send inputs to.
                var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };
                versions.Add(new UpstreamVersion(configuration, version, upstream, version == configuration.Version || version == ControlTargets.Fallback, client, _configuration.Value.Capture.MaxRequestBytes.Bytes * 4));
            }
        }
    }

    public void Dispose()
    {
        foreach (var model in Models)
        {
            model.Replace([]);
        }
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "serving {Model} version {Version}, SHA-256 {Sha256}")]
    private partial void LogLoaded(string model, string version, string sha256);
}
