namespace Monitoring.Hosting;

/// <summary>Exit codes of every verb.</summary>
public static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;

    /// <summary>Bad use or configuration.</summary>
    public const int Usage = 2;
}
