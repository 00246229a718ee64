using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>The whole of <c>monitoring.yaml</c>. Every key has a default but the models' names: three lines are a complete file.</summary>
public sealed record MonitoringConfiguration
{
    [Description("Folder of everything that this process keeps: the embedded log, the database, profiles, the spool. Relative to the configuration file.")]
    public string Data { get; init; } = "data";

    [Description("Where HTTP is served.")]
    public ApiConfiguration Api { get; init; } = new();

    [Description("The event log.")]
    public LogConfiguration Log { get; init; } = new();

    [Description("Database of incidents, notifications and audit.")]
    public StorageConfiguration Storage { get; init; } = new();

    [Description("Capture of calls on their way to the log.")]
    public CaptureConfiguration Capture { get; init; } = new();

    [Description("Topics on which others publish the calls of their model servers: Knative, KServe, Seldon.")]
    public IReadOnlyList<SourceConfiguration> Sources { get; init; } = [];

    [Description("Signed Merkle roots over the log.")]
    public EvidenceConfiguration Evidence { get; init; } = new();

    [Description("Arithmetic: devices and threads of ONNX Runtime.")]
    public ScoringConfiguration Scoring { get; init; } = new();

    [Description("The models that are watched.")]
    public IReadOnlyList<ModelConfiguration> Models { get; init; } = [];

    [Description("Who is told, and the false-alarm budget each accepts.")]
    public IReadOnlyList<ReceiverConfiguration> Receivers { get; init; } = [];

    [Description("Which findings go to which receiver; the first match wins. Without routes everything goes to every receiver.")]
    public IReadOnlyList<RouteConfiguration> Routes { get; init; } = [];

    [Description("How incidents are told and when they end.")]
    public AlertingConfiguration Alerting { get; init; } = new();

    [Description("Decisions about clients (throttle, deny, coarsen, route): who signs them, whether they are enforced, which gateways may ask.")]
    public ControlsConfiguration Controls { get; init; } = new();

    [Description("Which incidents lead to which decision by themselves. Recorded only, unless controls.enforce.")]
    public IReadOnlyList<ResponsePolicyConfiguration> Responses { get; init; } = [];

    [Description("Standing limits of each client's calls; the first entry that matches model and client counts. Enforced as written.")]
    public IReadOnlyList<LimitConfiguration> Limits { get; init; } = [];

    [Description("Traces and metrics by OTLP; metrics are always at /metrics.")]
    public TelemetryConfiguration Telemetry { get; init; } = new();
}

/// <summary>Section <c>api</c>.</summary>
public sealed record ApiConfiguration
{
    [Description("Addresses to listen on; port 0 takes a free one.")]
    public IReadOnlyList<string> Listen { get; init; } = ["http://127.0.0.1:8080"];

    [Description("Certificate in PEM for https addresses.")]
    public string? Certificate { get; init; }

    [Description("Private key in PEM for the certificate.")]
    public string? CertificateKey { get; init; }

    [Description("Keys of callers. Without keys anyone who reaches the address may do everything, which only loopback makes acceptable.")]
    public IReadOnlyList<ApiKeyConfiguration> Keys { get; init; } = [];

    [Description("People and services that an OpenID Connect provider vouches for.")]
    public OidcConfiguration? Oidc { get; init; }

    [Description("Where people reach this installation, for links in messages.")]
    public Uri? PublicUrl { get; init; }

    [Description("Links in messages that open one incident without signing in. Made when keys or OIDC are configured.")]
    public LinkConfiguration Links { get; init; } = new();
}

/// <summary>Section <c>api.links</c>.</summary>
public sealed record LinkConfiguration
{
    [Description("Key that signs links, at least 16 characters; created in the data folder when absent. Processes that do not share the folder need it.")]
    public SecretReference? Key { get; init; }

    [Description("How long a link opens its incident.")]
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(3);

    [Description("What whoever has the link may do with its incident: view, or respond (acknowledge, note, false alarm) too.")]
    public LinkRole Role { get; init; } = LinkRole.View;

    [Description("Make links at all. Off: messages link to the page, which asks for a key.")]
    public bool Enabled { get; init; } = true;
}

/// <summary>What a link in a message allows.</summary>
public enum LinkRole
{
    View,
    Respond,
}

/// <summary>An entry of <c>api.keys</c>.</summary>
public sealed record ApiKeyConfiguration
{
    [Required, Description("Name shown in the audit.")]
    public string Name { get; init; } = "";

    [Required, RegularExpression("^[0-9a-f]{64}$", ErrorMessage = "must be 64 lower-case hexadecimal digits: printf %s KEY | sha256sum"), Description("SHA-256 of the key, hexadecimal.")]
    public string Sha256 { get; init; } = "";

    [Description("What the key may do.")]
    public IReadOnlyList<Role> Roles { get; init; } = [Role.Publish];

    [Description("Models that the key is for; empty means all.")]
    public IReadOnlyList<string> Models { get; init; } = [];
}

/// <summary>What a caller may do. Each includes nothing of the others but admin, which includes all.</summary>
public enum Role
{
    /// <summary>Call models and send events.</summary>
    Publish,

    /// <summary>Read incidents, events and metrics.</summary>
    View,

    /// <summary>Act on incidents and clients.</summary>
    Respond,

    /// <summary>Everything.</summary>
    Admin,
}

/// <summary>Section <c>storage</c>.</summary>
public sealed record StorageConfiguration
{
    [Description("Where the database is.")]
    public StorageKind Kind { get; init; } = StorageKind.Sqlite;

    [Description("Connection string, for postgresql.")]
    public SecretReference? ConnectionString { get; init; }

    [Description("How long the database keeps what is over. Open and held incidents, and what belongs to them, are never removed.")]
    public DatabaseRetentionConfiguration Retention { get; init; } = new();
}

/// <summary>Section <c>storage.retention</c>.</summary>
public sealed record DatabaseRetentionConfiguration
{
    [Description("Closed incidents with their findings, notes, messages and evidence, counted from their closing; ended silences too.")]
    public TimeSpan Incidents { get; init; } = TimeSpan.FromDays(730);

    [Description("Events that closed incidents pinned, counted from the closing: what clients sent.")]
    public TimeSpan Evidence { get; init; } = TimeSpan.FromDays(180);

    [Description("Messages to receivers that are finished, counted from then.")]
    public TimeSpan Notifications { get; init; } = TimeSpan.FromDays(180);

    [Description("What people did. What was removed is itself written here.")]
    public TimeSpan Audit { get; init; } = TimeSpan.FromDays(730);
}

/// <summary>Databases.</summary>
public enum StorageKind
{
    Sqlite,
    Postgresql,
}

/// <summary>Section <c>scoring</c>.</summary>
public sealed record ScoringConfiguration
{
    [RegularExpression("^(auto|cpu|cuda:[0-9]+)$", ErrorMessage = "allowed: auto, cpu, cuda:N"), Description("auto takes a GPU where one works and says what it chose; a device asked for by name and absent is an error.")]
    public string Device { get; init; } = "auto";

    [Range(0, 1024), Description("Threads of the shared pool; 0 is one per core.")]
    public int Threads { get; init; }

    [Description("Folder with the CUDA provider plug-in of ONNX Runtime; without it auto is the CPU.")]
    public string? CudaProvider { get; init; }

    [Description("Models unused for this long are unloaded.")]
    public TimeSpan UnloadAfter { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>Section <c>telemetry</c>.</summary>
public sealed record TelemetryConfiguration
{
    [Description("OTLP endpoint for traces; none when absent.")]
    public Uri? Otlp { get; init; }
}
