using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>A part of the process that can take another configuration without a restart. Many may be registered.</summary>
public interface IReloadable
{
    /// <summary>
    /// Keys that take effect, as paths in the file; <c>models[].onnx</c> stands for that key of every model, a path for all below it.
    /// </summary>
    IReadOnlyList<string> Keys { get; }

    /// <summary>Does everything that can fail and changes nothing yet.</summary>
    /// <exception cref="ReloadRefusedException">The configuration cannot be used, and why.</exception>
    ValueTask<IReloadStep> PrepareAsync(LoadedConfiguration next, CancellationToken cancellationToken);
}

/// <summary>A prepared switch: exactly one of the two is called.</summary>
public interface IReloadStep
{
    /// <summary>Switches. Must not fail.</summary>
    void Commit();

    /// <summary>Another part refused: frees what was prepared.</summary>
    void Abandon();
}
