using System.Collections.Frozen;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Monitoring.Detection;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Scoring;

namespace Monitoring.Inference;

/// <summary>All configured models. A model that cannot be loaded at start is a start-up error; a reload that fails keeps what runs.</summary>
internal sealed partial class ModelRepository : IHostedService, IReloadable, IDisposable
{
    private readonly LoadedConfiguration _configuration;
    private readonly ScoringRuntime _runtime;
    private readonly TimeProvider _time;
    private readonly ILogger<ModelRepository> _logger;
    private readonly ClientSealer _sealer;
    private FrozenDictionary<string, ServedModel> _models;

    public ModelRepository(LoadedConfiguration configuration, ScoringRuntime runtime, ClientSealer sealer, TimeProvider time, ILogger<ModelRepository> logger)
    {
        _configuration = configuration;
        _runtime = runtime;
        _time = time;
        _logger = logger;
        _sealer = sealer;
        _models = configuration.Value.Models.ToFrozenDictionary(m => m.Name, m => new ServedModel(m, SchemaOf(m), new ClientIdentity(m, sealer)), StringComparer.Ordinal);
    }

    public IReadOnlyCollection<ServedModel> Models => Volatile.Read(ref _models).Values;

    /// <summary>All that serving needs of a model; its monitors belong to others.</summary>
    public IReadOnlyList<string> Keys { get; } =
        [.. ((string[])["version", "onnx", "upstream", "versions", "exports", "schema", "client", "trustedProxies", "fallback", "redact", "shards"]).Select(k => "models[]." + k), "models[]"];

    /// <summary>The model of that name, or null.</summary>
    public ServedModel? Find(string name) => Volatile.Read(ref _models).GetValueOrDefault(name);

    /// <exception cref="ProtocolException">404: no such model.</exception>
    public ServedModel Get(string name) => Volatile.Read(ref _models).TryGetValue(name, out var model)
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
    public void Load(ServedModel model) => model.Replace(LoadVersions(model.Configuration));

    /// <summary>Loads what changed beside what runs; the old versions end with their last call, so that no call is lost.</summary>
    public ValueTask<IReloadStep> PrepareAsync(LoadedConfiguration next, CancellationToken cancellationToken)
    {
        var step = new Step(this);
        try
        {
            foreach (var configuration in next.Value.Models)
            {
                var known = Find(configuration.Name);
                var schema = SchemaOf(configuration);
                var clients = new ClientIdentity(configuration, _sealer);
                var isSame = known is not null && VersionKeys(known.Configuration) == VersionKeys(configuration);
                step.Add(known ?? new ServedModel(configuration, schema, clients), configuration, schema, clients, isSame ? null : LoadVersions(configuration));
            }

            return ValueTask.FromResult<IReloadStep>(step);
        }
        catch (Exception e) when (e is ScoringException or IOException or UnauthorizedAccessException or InvalidDataException or System.Text.Json.JsonException)
        {
            step.Abandon();
            throw new ReloadRefusedException(e.Message, e);
        }
    }

    private static string VersionKeys(ModelConfiguration model) =>
        System.Text.Json.JsonSerializer.Serialize(new { model.Version, model.Onnx, model.Upstream, model.Versions, model.Exports, model.Fallback });

    private ModelSchema? SchemaOf(ModelConfiguration model) => model.Schema is { } file ? SchemaFile.Read(_configuration.Resolve(file)) : null;

    private List<ModelVersion> LoadVersions(ModelConfiguration configuration)
    {
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

            return versions;
        }
        catch
        {
            versions.ForEach(v => v.Retire());
            throw;
        }

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

    private sealed class Step(ModelRepository repository) : IReloadStep
    {
        private readonly List<(ServedModel Model, ModelConfiguration Configuration, ModelSchema? Schema, ClientIdentity Clients, List<ModelVersion>? Versions)> _models = [];

        public void Add(ServedModel model, ModelConfiguration configuration, ModelSchema? schema, ClientIdentity clients, List<ModelVersion>? versions) =>
            _models.Add((model, configuration, schema, clients, versions));

        public void Commit()
        {
            foreach (var (model, configuration, schema, clients, versions) in _models)
            {
                if (versions is null)
                {
                    model.Switch(configuration, schema, clients);
                }
                else
                {
                    model.Switch(configuration, schema, clients, versions);
                }
            }

            var gone = repository.Models.Except(_models.Select(m => m.Model)).ToList();
            Volatile.Write(ref repository._models, _models.ToFrozenDictionary(m => m.Model.Name, m => m.Model, StringComparer.Ordinal));
            gone.ForEach(m => m.Replace([]));
        }

        public void Abandon() => _models.ForEach(m => m.Versions?.ForEach(v => v.Retire()));
    }

    [LoggerMessage(EventId = 2001, Level = LogLevel.Information, Message = "serving {Model} version {Version}, SHA-256 {Sha256}")]
    private partial void LogLoaded(string model, string version, string sha256);
}
