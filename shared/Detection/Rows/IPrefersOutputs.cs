namespace Monitoring.Detection;

/// <summary>A kind whose <c>on: auto</c> does not mean the inputs.</summary>
public interface IPrefersOutputs
{
    /// <summary>What is watched, the first that the model has: words of <see cref="RowOptions.On"/>; inputs where it has none.</summary>
    IReadOnlyList<string> PreferredRows { get; }
}
