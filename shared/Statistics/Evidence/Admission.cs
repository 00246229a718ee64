namespace Monitoring.Statistics;

/// <summary>What an <see cref="AdmissionRule"/> said of an event.</summary>
public enum Admission
{
    /// <summary>A draw: the first event of a burst.</summary>
    Draw,

    /// <summary>Belongs to a burst that has given its draw.</summary>
    SameBurst,

    /// <summary>The same payload by the same client again.</summary>
    Repeat,
}
