using System.CommandLine;

namespace Monitoring.Hosting;

/// <summary>
/// A verb of the command line, for example <c>search</c>. Lives in the service it belongs to and is listed once, in AllInOne.
/// Exit codes: 0 success, 1 failure, 2 bad use or configuration. Machine-readable results go to the file of <c>--json</c>.
/// </summary>
public interface IVerb
{
    /// <summary>Builds the command with its options and its action.</summary>
    Command CreateCommand();
}
