namespace Monitoring.WebConsole.Pages;

/// <summary>How people may sign in.</summary>
/// <param name="Keys">With an API key.</param>
/// <param name="Provider">What the provider is called; null where there is none.</param>
internal sealed record LoginWays(bool Keys, string? Provider);
