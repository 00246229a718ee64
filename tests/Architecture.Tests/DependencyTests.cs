using System.Xml.Linq;

namespace Monitoring.Architecture.Tests;

/// <summary>The layout's rules, read from the project files.</summary>
public sealed class DependencyTests
{
    private static readonly string s_root = FindRoot();

    /// <summary>What each shared project may reference: the arrows of docs/architecture.md.</summary>
    private static readonly Dictionary<string, string[]> s_allowed = new(StringComparer.Ordinal)
    {
        ["Contracts"] = [],
        ["Statistics"] = [],
        ["Scoring"] = ["OnnxRuntime"],
        ["EventLog"] = ["Contracts"],
        ["EventLog.Kafka"] = ["EventLog"],
        ["Detection"] = ["Contracts", "Statistics", "EventLog", "Scoring"],
        ["Forensics"] = ["Contracts", "EventLog", "Detection"],
        ["Storage"] = ["Contracts"],
        ["Observability"] = [],
        ["Incidents"] = ["Contracts", "EventLog", "Hosting", "Storage"],
        ["Hosting"] = ["Contracts", "EventLog", "EventLog.Kafka", "Detection", "Observability", "Scoring", "Statistics", "Storage"],
    };

    public static TheoryData<string> SharedProjects => [.. Projects("shared")];

    public static TheoryData<string> ServiceProjects => [.. Projects("services")];

    [Theory]
    [MemberData(nameof(SharedProjects))]
    public void Shared_project_references_only_what_lies_below_it(string project)
    {
        Assert.True(s_allowed.TryGetValue(project, out var allowed), $"shared/{project} is not in the table of allowed references");
        var extra = References("shared", project).Except(allowed, StringComparer.Ordinal);
        Assert.Empty(extra);
    }

    [Theory]
    [MemberData(nameof(ServiceProjects))]
    public void Service_never_references_another_service(string project)
    {
        if (project == "AllInOne")
        {
            return;
        }

        var services = Projects("services").ToHashSet(StringComparer.Ordinal);
        Assert.DoesNotContain(References("services", project), services.Contains);
    }

    [Fact]
    public void AllInOne_lists_every_service()
    {
        var program = File.ReadAllText(Path.Combine(s_root, "services", "AllInOne", "Program.cs"));
        Assert.All(Projects("services").Where(p => p != "AllInOne"), p => Assert.Contains($"new {p}Module()", program, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(ServiceProjects))]
    public void Service_has_no_appsettings(string project) =>
        Assert.Empty(Directory.GetFiles(Path.Combine(s_root, "services", project), "appsettings*.json", SearchOption.AllDirectories)
            .Where(f => !f.Contains("/bin/", StringComparison.Ordinal) && !f.Contains("/obj/", StringComparison.Ordinal)));

    [Fact]
    public void Only_one_project_knows_a_Kafka_client()
    {
        var users = from area in new[] { "shared", "services" }
                    from project in Projects(area)
                    where project != "EventLog.Kafka" && ProjectText(area, project).Contains("Confluent.Kafka", StringComparison.Ordinal)
                    select project;
        Assert.Empty(users);
    }

    private static IEnumerable<string> Projects(string area) =>
        Directory.GetDirectories(Path.Combine(s_root, area))
            .Select(d => Path.GetFileName(d)!)
            .Where(d => File.Exists(Path.Combine(s_root, area, d, d + ".csproj")))
            .Order(StringComparer.Ordinal);

    private static string ProjectText(string area, string project) =>
        File.ReadAllText(Path.Combine(s_root, area, project, project + ".csproj"));

    private static string[] References(string area, string project) =>
        [.. XDocument.Parse(ProjectText(area, project)).Descendants("ProjectReference")
            .Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value.Replace('\\', '/')))];

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }
}
