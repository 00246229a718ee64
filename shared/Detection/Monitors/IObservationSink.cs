namespace Monitoring.Detection;

/// <summary>Where <see cref="IMonitor.Apply"/> reports. Calls are about the row being applied.</summary>
public interface IObservationSink
{
    /// <summary>
    /// A value that the runtime calibrates against the profile and turns into evidence (RUNTIME section 2).
    /// <paramref name="subject"/> is the client for variables with <see cref="Variable.PerSubject"/>; calls with an empty subject are then ignored.
    /// </summary>
    void Observe(int variable, double value, string subject = "");

    /// <summary>
    /// A ready e-increment: <paramref name="logIncrement"/> = ln r with E[r | past] ≤ 1 while nothing has changed. The runtime accumulates it in log time.
    /// Not finite is an error of the kind.
    /// </summary>
    void Bet(int variable, double logIncrement, string subject = "");

    /// <summary>
    /// Evidence that the monitor accumulates itself, absolute: ln of an e-value or e-detector about <paramref name="subject"/>. Alarms once when it crosses the level;
    /// re-arms when it has fallen below half of the level's logarithm.
    /// </summary>
    /// <param name="subject">What it is about: a lineage, a client; not empty.</param>
    /// <param name="logEvidence">ln of the evidence.</param>
    /// <param name="sinceOffset">Input offset at which this evidence began.</param>
    /// <param name="sinceUnixNano">Log time at which this evidence began.</param>
    /// <param name="client">The client to blame; empty for none or several (see <see cref="FindingDetails.Clients"/>).</param>
    void Evidence(string subject, double logEvidence, long sinceOffset, long sinceUnixNano, string client = "");

    /// <summary>A certain finding that needs no statistics: a canary, personal data, a broken schema. One per distinct <see cref="CertainFinding.Key"/> per <see cref="CertainFinding.Quiet"/>.</summary>
    void Report(CertainFinding finding);
}
