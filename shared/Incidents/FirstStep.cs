using Monitoring.Contracts;

namespace Monitoring.Incidents;

/// <summary>What to do first, in one sentence: the first line of the family's runbook.</summary>
public static class FirstStep
{
    public static string Of(Family family) => family switch
    {
        Family.Drift => "Look at the first variable named: if a deployment or data job began near 'since', ask its owner; if the change is the new normal, accept it.",
        Family.Outlier => "Open the sample inputs: broken rows point to the pipeline upstream, odd but whole ones to a new kind of case.",
        Family.Adversarial => "Look at the sample inputs side by side; if one client is probing, throttle it before you look further.",
        Family.Extraction => "Ask who the client is; if nobody knows, throttle it or round the outputs, then read how close its copy is.",
        Family.Leakage => "Round or withhold the outputs that leak, then find the records that were hit.",
        Family.Quality => "Compare with the newest deployment or data job; route to the fallback if the objective is broken.",
        Family.Pipeline => "Monitoring itself is blind here: check that events arrive and that the log keeps them long enough.",
        _ => "Open the incident and read its findings.",
    };
}
