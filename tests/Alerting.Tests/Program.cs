using Monitoring.Alerting.Tests.Kill;

namespace Monitoring.Alerting.Tests;

internal static class Program
{
    /// <summary>The tests; or, started by a kill test, the process to be killed.</summary>
    private static Task<int> Main(string[] args) =>
        args is [KillChild.Switch, ..] ? KillChild.RunAsync(args[1..])
        : args.Any(a => a is "-automated" or "@@") ? Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args)
        : Xunit.MicrosoftTestingPlatform.TestPlatformTestFramework.RunAsync(args, SelfRegisteredExtensions.AddSelfRegisteredExtensions);
}
