namespace Monitoring.Scoring;

/// <summary>How scoring runs in this process.</summary>
public sealed record ScoringOptions
{
    /// <summary><c>auto</c>, <c>cpu</c> or <c>cuda:N</c>. Auto falls back to the CPU and says why; a named device that is absent is an error at start.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Threads of the one pool that all sessions share; 0 is one per processor. The first runtime of a process decides: the pool lives as long as the process.</summary>
    public int Threads { get; init; }

    /// <summary>Folder with the optional CUDA provider plug-in (<c>libonnxruntime_providers_cuda.so</c> and what it needs); null when there is none.</summary>
    public string? CudaProviderFolder { get; init; }

    /// <summary>Most sessions kept in memory; beyond it the least recently used idle ones are unloaded and loaded again when called. At least 1.</summary>
    public int MaxLoadedModels { get; init; } = 512;

    /// <summary>Sessions unused for this long are unloaded and loaded again when called; null keeps them.</summary>
    public TimeSpan? UnloadAfter { get; init; }

    /// <summary>Largest model file, in bytes.</summary>
    public long MaxModelBytes { get; init; } = 1L << 30;
}
