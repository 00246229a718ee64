namespace Monitoring.Detection;

/// <summary>How columns are made comparable before distances are taken.</summary>
public enum ColumnScaling
{
    /// <summary>None for images, standard deviations for rows.</summary>
    Auto,

    /// <summary>Divide by the reference's standard deviation.</summary>
    Standard,

    /// <summary>Leave the columns' units.</summary>
    None,
}
