namespace Monitoring.Statistics;

/// <summary>A scorer that can score its own reference rows as if each were new: calibration without holding rows out.</summary>
public interface ILeaveOneOutScorer : IRowScorer
{
    /// <summary>One score per reference row, in the order of the reference.</summary>
    double[] ReferenceScores { get; }
}
