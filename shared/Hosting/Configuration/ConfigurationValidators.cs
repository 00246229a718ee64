namespace Monitoring.Hosting.Configuration;

/// <summary>The checks that need nothing but the file; modules add theirs (kinds of monitors).</summary>
public static class ConfigurationValidators
{
    public static IReadOnlyList<IConfigurationValidator> BuiltIn { get; } =
        [new ModelValidator(), new ReceiverValidator(), new LogValidator(), new SourceValidator(), new ControlsValidator(), new OidcValidator(), new PostureValidator()];
}
