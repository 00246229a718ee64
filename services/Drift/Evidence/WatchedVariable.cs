using Monitoring.Detection;

namespace Monitoring.Drift;

/// <summary>A variable and how it is read from a row; those of an image are computed together, by its plane.</summary>
internal sealed class WatchedVariable
{
    public WatchedVariable(Variable variable, Func<RowBatch, int, float> read)
    {
        Variable = variable;
        Read = read;
    }

    /// <param name="variable">The variable.</param>
    /// <param name="plane">The image it describes.</param>
    /// <param name="index">Its number among the plane's; the plane's variables lie side by side in this order.</param>
    public WatchedVariable(Variable variable, ImagePlane plane, int index)
    {
        Variable = variable;
        Plane = plane;
        plane.Count = index + 1;
    }

    public Variable Variable { get; }

    public Func<RowBatch, int, float>? Read { get; }

    public ImagePlane? Plane { get; }
}
