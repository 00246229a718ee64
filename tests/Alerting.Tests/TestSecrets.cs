using System.Runtime.CompilerServices;
using Monitoring.Alerting.Tests.Receivers;

namespace Monitoring.Alerting.Tests;

/// <summary>Secrets by reference need an environment; it is set once, before any test runs.</summary>
internal static class TestSecrets
{
    [ModuleInitializer]
    public static void Set() => Environment.SetEnvironmentVariable("MONITORING_TEST_WEBHOOK_SECRET", WebhookDouble.Secret);
}
