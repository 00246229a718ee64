namespace Monitoring.Detection.Tests.Support;

/// <summary>The process died here.</summary>
internal sealed class KilledException : Exception
{
    public KilledException()
        : base("killed")
    {
    }
}
