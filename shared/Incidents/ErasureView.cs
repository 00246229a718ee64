namespace Monitoring.Incidents;

/// <summary>What an erasure did.</summary>
/// <param name="Pseudonym">Stands where the client's id stood; random, leads nowhere.</param>
/// <param name="Incidents">Incidents whose client was replaced.</param>
/// <param name="Findings">Findings rewritten.</param>
/// <param name="Events">Pinned events removed: what the client sent.</param>
/// <param name="Messages">Messages rewritten; what receivers already got is with them.</param>
/// <param name="Notes">Notes rewritten.</param>
/// <param name="AuditRows">Audit rows rewritten.</param>
/// <param name="HeldBy">Held incidents for which it was refused; nothing was erased then.</param>
/// <param name="Remains">What is not erased now, and until when.</param>
public sealed record ErasureView(string Pseudonym, int Incidents, int Findings, int Events, int Messages, int Notes, int AuditRows, IReadOnlyList<string> HeldBy, IReadOnlyList<string> Remains);
