using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>An entry of <c>models</c>. With <c>onnx</c> it is served here, with <c>upstream</c> forwarded, with neither its events come from a logger.</summary>
public sealed record ModelConfiguration
{
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", ErrorMessage = "letters, digits, '.', '_' and '-', at most 100"), Description("Name in URLs, events and messages.")]
    public string Name { get; init; } = "";

    [RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", ErrorMessage = "letters, digits, '.', '_' and '-', at most 100"), Description("Version that is current.")]
    public string Version { get; init; } = "1";

    [Description("An ONNX file served here.")]
    public OnnxConfiguration? Onnx { get; init; }

    [Description("A model server to which calls are forwarded.")]
    public UpstreamConfiguration? Upstream { get; init; }

    [Description("Other versions served beside the current one.")]
    public IReadOnlyList<ModelVersionConfiguration> Versions { get; init; } = [];

    [Description("Output tensors that go into events but not to callers: embeddings, pooled features.")]
    public IReadOnlyList<string> Exports { get; init; } = [];

    [Description("JSON file that names features with type, unit, range, categories and image layout. Without it names come from the model.")]
    public string? Schema { get; init; }

    [Description("Clean reference data (.npy, .csv, .jsonl) from which a profile is fitted at the first start. Without it the profile is learned from traffic.")]
    public string? Reference { get; init; }

    [Description("True labels of the reference, one per row (.npy, .csv, .jsonl): class indices or numbers. Kinds that calibrate on labels need them.")]
    public string? ReferenceLabels { get; init; }

    [Description("Approve a learned profile without a person when its own checks pass.")]
    public bool AutoApprove { get; init; } = true;

    [Description("Where a client's identity comes from, first present wins: api-key, token:CLAIM, header:NAME, attribute:NAME, metadata:NAME, address.")]
    public IReadOnlyList<string> Client { get; init; } = [];

    [Description("Addresses or networks of proxies whose X-Forwarded-For is believed.")]
    public IReadOnlyList<string> TrustedProxies { get; init; } = [];

    [Description("Known heavy clients (backfill, red team): scored and shown, not paged.")]
    public IReadOnlyList<string> Expected { get; init; } = [];

    [Range(1, 256), Description("Shards of a hot model, chosen by hash of the client.")]
    public int Shards { get; init; } = 1;

    [Range(0.0, 0.9), Description("Relative change of any bin's share that is not worth an alarm.")]
    public double Tolerance { get; init; } = 0.1;

    [Range(100, 10_000_000), Description("Admitted draws from which a profile is learned.")]
    public int LearningDraws { get; init; } = 5000;

    [Description("Events of one client closer than this are one burst and count as one draw. Learned by fit when absent.")]
    public TimeSpan? SessionGap { get; init; }

    [Description("Who owns the model, for messages and routes.")]
    public string? Owner { get; init; }

    [Description("Risk class, for messages.")]
    public string? Risk { get; init; }

    [Description("What performance is promised: harm is below it.")]
    public ObjectiveConfiguration? Objective { get; init; }

    [Description("What is promised of serving: share of calls without server errors, and how fast. Burn-rate alerts read it from metrics.")]
    public ServiceObjectiveConfiguration ServiceObjective { get; init; } = new();

    [Description("Version or address that may take over.")]
    public string? Fallback { get; init; }

    [Description("Where the model came from: commit, run, data hash.")]
    public IReadOnlyDictionary<string, string> Source { get; init; } = new Dictionary<string, string>();

    [Description("Input features or request parameters replaced by nothing before the log.")]
    public IReadOnlyList<string> Redact { get; init; } = [];

    [Description("Monitors. Absent: the default ones (evidence on inputs and outputs, outlier, quality).")]
    public IReadOnlyList<MonitorConfiguration>? Monitors { get; init; }
}

/// <summary>Section <c>models[].onnx</c>.</summary>
public sealed record OnnxConfiguration
{
    [Required, Description("File, relative to the configuration file.")]
    public string Path { get; init; } = "";

    [RegularExpression("^[0-9a-f]{64}$", ErrorMessage = "must be 64 lower-case hexadecimal digits: sha256sum FILE"), Description("Pin: any other content is refused.")]
    public string? Sha256 { get; init; }

    [Range(1, 65536), Description("Most rows run at once.")]
    public int MaxBatch { get; init; } = 64;

    [Description("Longest wait for a batch to fill; 0ms takes what is there.")]
    public TimeSpan MaxWait { get; init; } = TimeSpan.Zero;
}

/// <summary>Section <c>models[].upstream</c>.</summary>
public sealed record UpstreamConfiguration
{
    [Required, Description("Base address of a server that speaks the Open Inference Protocol v2.")]
    public Uri? Url { get; init; }

    [Description("Name of the model there; the same when absent.")]
    public string? Model { get; init; }

    [Description("Send and ask for tensors by the binary extension; false for servers without it.")]
    public bool Binary { get; init; } = true;

    [Description("Longest wait for an answer.")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>An entry of <c>models[].versions</c>.</summary>
public sealed record ModelVersionConfiguration
{
    [Required, Description("Version.")]
    public string Version { get; init; } = "";

    [Description("An ONNX file served here.")]
    public OnnxConfiguration? Onnx { get; init; }

    [Description("A model server to which calls are forwarded.")]
    public UpstreamConfiguration? Upstream { get; init; }
}

/// <summary>Section <c>models[].objective</c>.</summary>
public sealed record ObjectiveConfiguration
{
    [Required, AllowedValues("accuracy", "f1", "auroc", "log-loss", "mae", "rmse"), Description("Measure.")]
    public string Metric { get; init; } = "accuracy";

    [Required, Description("Worst value that keeps the promise.")]
    public double Threshold { get; init; }
}

/// <summary>Section <c>models[].serviceObjective</c>.</summary>
public sealed record ServiceObjectiveConfiguration
{
    [Range(0.5, 0.999999), Description("Least share of calls answered without a server error (5xx).")]
    public double Availability { get; init; } = 0.999;

    [Description("Time within which a call is to be answered.")]
    public TimeSpan Latency { get; init; } = TimeSpan.FromMilliseconds(250);

    [Range(0.5, 0.999999), Description("Least share of calls answered within that time.")]
    public double LatencyShare { get; init; } = 0.99;
}

/// <summary>An entry of <c>models[].monitors</c>.</summary>
public sealed record MonitorConfiguration
{
    [Required, Description("Kind; `monitors` lists them.")]
    public string Kind { get; init; } = "";

    [Description("Name; the kind when absent.")]
    public string? Name { get; init; }

    [Range(0.001, 1000.0), Description("Share of the model's part of the budget, relative to its other monitors.")]
    public double Weight { get; init; } = 1;

    [Description("Scored and shown, but never told, until this is false.")]
    public bool Muted { get; init; }

    [Description("Options of the kind.")]
    public SettingsNode Options { get; init; } = SettingsNode.Empty;
}
