namespace Monitoring.Scoring;

/// <summary>On which threads a model's runs compute.</summary>
public enum ScoringThreads
{
    /// <summary><see cref="Caller"/> for models of less than 4 MiB, else <see cref="Shared"/>.</summary>
    Auto,

    /// <summary>The calling thread alone: waking another one costs more than a small model's whole run, and callers are many.</summary>
    Caller,

    /// <summary>The process's pool: a single large run uses all cores.</summary>
    Shared,
}
