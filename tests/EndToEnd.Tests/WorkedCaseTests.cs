using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.EndToEnd.Tests;

/// <summary>Runs the commands of docs/worked-case.md as they stand on the page, with the product as a user starts it; only ports differ.</summary>
public sealed partial class WorkedCaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Every_command_of_the_worked_case_works_in_order()
    {
        ServerProcess.Require("curl", "/usr/bin/curl");
        ServerProcess.Require("python3", "/usr/bin/python3", "/usr/local/bin/python3");
        var root = Root();
        var page = await File.ReadAllTextAsync(Path.Combine(root, "docs", "worked-case.md"), TestContext.Current.CancellationToken);
        var blocks = Block().Matches(page).Select(m => m.Groups["text"].Value).ToList();
        Assert.True(blocks.Count >= 10, $"{blocks.Count} blocks of commands");
        var script = new StringBuilder()
            .AppendLine("set -eu -o pipefail; set -m")
            .AppendLine("trap 'for job in $(jobs -p); do kill -KILL -- -$job 2>/dev/null || true; done' EXIT")
            .AppendLine($"repo='{root}'")
            .AppendLine($"monitoring() {{ dotnet '{Path.Combine(AppContext.BaseDirectory, "Monitoring.AllInOne.dll")}' \"$@\"; }}")
            .AppendLine("set -x");
        blocks.ForEach(b => script.AppendLine(b));
        var text = script.ToString()
            .Replace(":8080", $":{ServerProcess.FreePort()}", StringComparison.Ordinal)
            .Replace("9000", $"{ServerProcess.FreePort()}", StringComparison.Ordinal);
        var file = _directory.File("case.sh");
        await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);

        using var bash = Process.Start(new ProcessStartInfo("bash", [file]) { WorkingDirectory = _directory.Path, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        try
        {
            await bash.WaitForExitAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            if (!bash.HasExited)
            {
                bash.Kill(entireProcessTree: true);
            }
        }

        Assert.True(bash.ExitCode == 0, $"{Tail(await error)}\n{Tail(await output)}\n{Tail(Read("run.log"))}");

        // What the page says about the outcome.
        Assert.Contains("FAILED", Read("forged.txt"), StringComparison.Ordinal);
        Assert.True(new FileInfo(_directory.File("incident.zip")).Length > 1000);
        Assert.Contains("unchanged. incident ", await output, StringComparison.Ordinal);
    }

    private string Read(string name) => File.Exists(_directory.File(name)) ? File.ReadAllText(_directory.File(name)) : "";

    private static string Tail(string text) => text.Length > 6000 ? text[^6000..] : text;

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }

    /// <summary>Fenced blocks marked <c>sh</c>; <c>sh once</c> is what this test does its own way.</summary>
    [GeneratedRegex("^```sh\\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Block();
}
