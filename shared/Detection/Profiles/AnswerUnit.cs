using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// The unit in which impacts are told, of findings and of reports alike. A change of an answer is Σ|difference| over its outputs, divided by this: total variation of the
/// probabilities (0 to 1), or standard deviations that a predicted number has over reference rows <em>as they are</em>. Rows with a column moved spread wider the more the model
/// looks at it: in their deviation an impact would seem the smaller, the larger it is.
/// </summary>
public static class AnswerUnit
{
    /// <summary>At least 1e-12: a constant number has no deviation.</summary>
    /// <param name="isProbabilities">Whether the outputs are probabilities, one or one a class; else they are numbers.</param>
    /// <param name="outputs">Outputs a row.</param>
    /// <param name="usual">Answers to reference rows as they are, rows × outputs; what is no finite number is left out.</param>
    public static double Of(bool isProbabilities, int outputs, ReadOnlySpan<float> usual)
    {
        if (isProbabilities)
        {
            return outputs > 1 ? 2 : 1;
        }

        var deviation = SampleDeviation.Of([.. usual.ToArray().Where(float.IsFinite)]);
        return deviation > 1e-12 ? deviation : 1e-12;
    }
}
