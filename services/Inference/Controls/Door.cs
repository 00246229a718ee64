namespace Monitoring.Inference;

/// <summary>Where a call is judged. A call that passes a gateway and is then served here is judged twice: each door counts for itself.</summary>
internal enum Door
{
    Served,
    Gateway,
}
