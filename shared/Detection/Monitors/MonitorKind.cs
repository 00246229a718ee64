using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>Base of kinds with typed options.</summary>
/// <typeparam name="TOptions">Record of options with a parameterless constructor.</typeparam>
public abstract class MonitorKind<TOptions> : IMonitorKind
    where TOptions : class, new()
{
    public abstract string Name { get; }

    public abstract string Description { get; }

    public abstract Family Family { get; }

    public virtual Severity DefaultSeverity => Severity.Change;

    public virtual string AtlasTechnique => "";

    public virtual MonitorScope Scope => MonitorScope.Model;

    public virtual bool CarriesOver => false;

    public Type OptionsType => typeof(TOptions);

    public ValueTask<FittedParameters> FitAsync(FitContext context, CancellationToken cancellationToken) =>
        FitAsync(context, (TOptions)context.Options, cancellationToken);

    public IMonitor Create(MonitorContext context) => Create(context, (TOptions)context.Options);

    /// <inheritdoc cref="IMonitorKind.FitAsync"/>
    protected abstract ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken);

    /// <inheritdoc cref="IMonitorKind.Create"/>
    protected abstract IMonitor Create(MonitorContext context, TOptions options);
}
