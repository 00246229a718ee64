using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Monitoring.AllInOne;
using Monitoring.Hosting;
using Monitoring.TestKit;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.Serialization;

namespace Monitoring.EndToEnd.Tests;

/// <summary>
/// What is written for machines that tests do not have (Docker, Kubernetes, Envoy), against what is here: every service of the product, files, ports, paths, environment and
/// configuration keys that these files name must exist, and their configurations must pass <c>check</c>.
/// </summary>
public sealed partial class DeploymentFilesTests
{
    private const string ConfigurationPath = "/etc/monitoring/monitoring.yaml";

    private static readonly string s_root = FindRoot();
    private static readonly IReadOnlyList<string> s_modules = [.. Program.Modules.Select(m => m.Name).Order(StringComparer.Ordinal)];
    private static readonly IReadOnlySet<string> s_paths = JsonNode.Parse(Read("docs/reference/openapi.json"))!["paths"]!.AsObject().Select(p => p.Key).ToHashSet(StringComparer.Ordinal);

    [Fact]
    public void Compose_EveryServiceOnceWithWhatItsConfigurationAsksFor()
    {
        var compose = Yaml("docker-compose.yml").Single();
        var services = compose["services"]!.AsObject();
        var ours = services.Where(s => s.Value!["image"]?.ToString() == "monitoring:local").ToDictionary(s => s.Key, s => s.Value!, StringComparer.Ordinal);
        Assert.Equal(s_modules, ours.Where(s => s.Key != "monitoring").Select(s => s.Key).Order(StringComparer.Ordinal));
        var published = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, service) in ours)
        {
            string[] roles = name == "monitoring" ? [] : ["--roles", name];
            Assert.Equal(["run", "--config", ConfigurationPath, .. roles], Texts(service["command"]));
            var mounts = Texts(service["volumes"]).Select(v => v.Split(':')).ToDictionary(v => v[1], v => v[0], StringComparer.Ordinal);
            foreach (var source in mounts.Values)
            {
                Assert.True(source.StartsWith('.') ? Path.Exists(Path.Combine(s_root, source)) : compose["volumes"]!.AsObject().ContainsKey(source), $"{name}: {source} is neither here nor a volume");
            }

            var configuration = Read(mounts[ConfigurationPath]);
            var port = Port(Checked(configuration.Replace("/models", Path.Combine(s_root, mounts["/models"]), StringComparison.Ordinal)));
            Assert.Empty(Secrets(configuration).Except(service["environment"]?.AsObject().Select(e => e.Key) ?? [], StringComparer.Ordinal));
            foreach (var mapped in Texts(service["ports"]))
            {
                // Loopback only: nobody else's machine reaches a demonstration.
                Assert.StartsWith("127.0.0.1:", mapped, StringComparison.Ordinal);
                Assert.EndsWith($":{port}", mapped, StringComparison.Ordinal);
                Assert.True(published.Add(mapped) || service["profiles"] is not null, $"{mapped} is published twice");
            }

            if (service["healthcheck"]?["test"] is { } test)
            {
                Assert.Contains($"/127.0.0.1/{port} ", test.ToJsonString(), StringComparison.Ordinal);
                Assert.Contains(HttpPath().Match(test.ToJsonString()).Groups[1].Value, s_paths);
            }
        }

        foreach (var (name, service) in services)
        {
            Assert.All(service!["depends_on"]?.AsObject().ToList() ?? [], d => Assert.True(services[d.Key]?["healthcheck"] is not null, $"{name} waits for {d.Key}, which never says that it is healthy"));
            Assert.All(Texts(service["volumes"]).Select(v => v.Split(':')[0]).Where(v => v.StartsWith('.')), v => Assert.True(Path.Exists(Path.Combine(s_root, v)), v));
            Assert.DoesNotContain(":latest", service["image"]!.ToString(), StringComparison.Ordinal);
            Assert.Matches("^[^:]+:[^:]+$", service["image"]!.ToString());
            if (service["build"] is { } build)
            {
                Assert.True(File.Exists(Path.Combine(s_root, build["dockerfile"]!.ToString())));
            }
        }

        // Compose stops at a variable that is not set, whatever is started: the head of the file names them all.
        var text = Read("docker-compose.yml");
        var head = string.Concat(text.Split('\n').TakeWhile(l => l.StartsWith('#')));
        Assert.All(Interpolated().Matches(text).Select(m => m.Groups[1].Value).Distinct(), v => Assert.Contains(v, head, StringComparison.Ordinal));

        var hosts = services.Select(s => s.Key).ToHashSet(StringComparer.Ordinal);
        var targets = Yaml("infra/prometheus/prometheus.yml").Single()["scrape_configs"]!.AsArray().SelectMany(s => s!["static_configs"]!.AsArray()).SelectMany(c => Texts(c!["targets"])).ToList();
        Assert.Equal(s_modules.Select(m => $"{m}:8080"), targets.Order(StringComparer.Ordinal));
        Assert.All(Addresses().Matches(Read("infra/docker/monitoring.yaml")).Select(m => m.Groups[1].Value), h => Assert.Contains(h, hosts));
    }

    [Fact]
    public void Dockerfile_NamesWhatIsHere()
    {
        var text = Read("infra/docker/Dockerfile");
        Assert.True(Directory.Exists(Path.Combine(s_root, Regex.Match(text, "dotnet publish (\\S+)", RegexOptions.None, TimeSpan.FromSeconds(1)).Groups[1].Value)));
        Assert.Contains($"\"/app/{typeof(Program).Assembly.GetName().Name}.dll\"", text, StringComparison.Ordinal);
        Assert.Contains("USER monitoring", text, StringComparison.Ordinal);
        var sdk = JsonNode.Parse(Read("global.json"))!["sdk"]!["version"]!.ToString();
        Assert.All(Regex.Matches(text, "FROM mcr.microsoft.com/dotnet/\\w+:(\\d+\\.\\d+)", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(m => m.Groups[1].Value), v => Assert.StartsWith(v + ".", sdk, StringComparison.Ordinal));
        Assert.Superset(new HashSet<string>(StringComparer.Ordinal) { "**/bin", "**/obj", ".git" }, Read(".dockerignore").Split('\n').ToHashSet(StringComparer.Ordinal));
    }

    [Fact]
    public void Kubernetes_EveryServiceOnceWithWhatItsConfigurationAsksFor()
    {
        var kustomization = Yaml("infra/kubernetes/kustomization.yaml").Single();
        var resources = Texts(kustomization["resources"]).SelectMany(f => Yaml($"infra/kubernetes/{f}")).ToList();
        var space = kustomization["namespace"]!.ToString();
        Assert.Contains(resources, r => Kind(r) == "Namespace" && Name(r) == space);
        var map = resources.Single(r => Kind(r) == "ConfigMap");
        var configuration = map["data"]!["monitoring.yaml"]!.ToString();
        var port = Port(Checked(configuration));
        var documented = Regex.Match(Read("infra/kubernetes/configuration.yaml"), "^# The secret `(\\w+)` holds: (.*)$", RegexOptions.Multiline, TimeSpan.FromSeconds(1));
        var asked = new HashSet<string>(StringComparer.Ordinal);
        var sets = resources.Where(r => Kind(r) == "StatefulSet").ToList();
        Assert.Equal(s_modules, sets.Select(Name).Order(StringComparer.Ordinal));
        foreach (var set in sets)
        {
            var name = Name(set);
            var pod = set["spec"]!["template"]!;
            var labels = pod["metadata"]!["labels"]!.AsObject();
            var container = pod["spec"]!["containers"]!.AsArray().Single()!;
            Assert.Equal(["run", "--config", ConfigurationPath, "--roles", name], Texts(container["args"]));
            Assert.Equal(name, set["spec"]!["serviceName"]!.ToString());
            AssertSelects(set["spec"]!["selector"]!["matchLabels"]!, labels);
            var service = resources.Single(r => Kind(r) == "Service" && Name(r) == name);
            AssertSelects(service["spec"]!["selector"]!, labels);
            var open = container["ports"]!.AsArray().Single()!;
            Assert.Equal(port.ToString(System.Globalization.CultureInfo.InvariantCulture), open["containerPort"]!.ToString());
            Assert.Equal(open["name"]!.ToString(), service["spec"]!["ports"]!.AsArray().Single()!["targetPort"]!.ToString());
            foreach (var probe in new[] { "livenessProbe", "readinessProbe" })
            {
                Assert.Contains(container[probe]!["httpGet"]!["path"]!.ToString(), s_paths);
                Assert.Equal(open["name"]!.ToString(), container[probe]!["httpGet"]!["port"]!.ToString());
            }

            var annotations = pod["metadata"]!["annotations"]!;
            Assert.Equal((port.ToString(System.Globalization.CultureInfo.InvariantCulture), true), (annotations["prometheus.io/port"]!.ToString(), s_paths.Contains(annotations["prometheus.io/path"]!.ToString())));

            var environment = container["env"]!.AsArray().ToDictionary(e => e!["name"]!.ToString(), e => e!["valueFrom"]!["secretKeyRef"]!, StringComparer.Ordinal);
            Assert.Equal(Secrets(configuration).Order(StringComparer.Ordinal), environment.Keys.Order(StringComparer.Ordinal));
            Assert.All(environment.Values, e => Assert.Equal(documented.Groups[1].Value, e["name"]!.ToString()));
            asked.UnionWith(environment.Values.Select(e => e["key"]!.ToString()));

            var volumes = pod["spec"]!["volumes"]!.AsArray().Concat(set["spec"]!["volumeClaimTemplates"]!.AsArray().Select(c => c!["metadata"])).Select(v => v!["name"]!.ToString()).ToList();
            var mounts = container["volumeMounts"]!.AsArray().ToDictionary(m => m!["mountPath"]!.ToString(), m => m!["name"]!.ToString(), StringComparer.Ordinal);
            Assert.Equal(volumes.Order(StringComparer.Ordinal), mounts.Values.Order(StringComparer.Ordinal));

            // The root of the container is read-only: all that is written lies on a volume.
            Assert.Equal("true", container["securityContext"]!["readOnlyRootFilesystem"]!.ToString());
            Assert.Contains(Regex.Match(configuration, "^data: (\\S+)", RegexOptions.Multiline, TimeSpan.FromSeconds(1)).Groups[1].Value, mounts.Keys);
            Assert.Contains("/tmp", mounts.Keys);
            Assert.Equal(Name(map), pod["spec"]!["volumes"]!.AsArray().Single(v => v!["name"]!.ToString() == mounts[Path.GetDirectoryName(ConfigurationPath)!])!["configMap"]!["name"]!.ToString());
            Assert.Contains(container["image"]!.ToString(), kustomization["images"]!.AsArray().Select(i => i!["name"]!.ToString()));
        }

        var keys = Regex.Replace(documented.Groups[2].Value, " \\(.*?\\)|\\.", "", RegexOptions.None, TimeSpan.FromSeconds(1)).Split([", ", " and "], StringSplitOptions.None);
        Assert.Equal(asked.Order(StringComparer.Ordinal), keys.Order(StringComparer.Ordinal));

        // Loggers of model servers send where a service is and a path that takes them.
        foreach (var file in new[] { "kserve", "seldon" })
        {
            var url = new Uri(Regex.Match(Read($"infra/kubernetes/{file}.yaml"), "url: (http\\S+?)[ }\\n]", RegexOptions.None, TimeSpan.FromSeconds(1)).Groups[1].Value);
            var service = resources.Single(r => Kind(r) == "Service" && $"{Name(r)}.{space}" == url.Host);
            Assert.Equal(url.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), service["spec"]!["ports"]!.AsArray().Single()!["port"]!.ToString());
            Assert.Contains(url.AbsolutePath, s_paths);
        }

        var policy = resources.Single(r => Kind(r) == "NetworkPolicy");
        Assert.All(sets, s => AssertSelects(policy["spec"]!["podSelector"]!["matchLabels"]!, s["spec"]!["template"]!["metadata"]!["labels"]!.AsObject()));
        Assert.All(policy["spec"]!["ingress"]!.AsArray().SelectMany(i => i!["ports"]?.AsArray().Select(p => p!["port"]!.ToString()) ?? []), p => Assert.Equal(port.ToString(System.Globalization.CultureInfo.InvariantCulture), p));
    }

    [Fact]
    public async Task BillOfMaterials_NamesEveryFileAndPackageWithItsHash()
    {
        using var folder = new TemporaryDirectory();
        Directory.CreateDirectory(folder.File("demo"));
        await File.WriteAllTextAsync(folder.File("a.dll"), "a", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder.File("demo/b.onnx"), "b", TestContext.Current.CancellationToken);
        var start = new System.Diagnostics.ProcessStartInfo("node") { RedirectStandardOutput = true };
        foreach (var argument in (string[])["infra/sbom.mjs", "services/AllInOne/obj/project.assets.json", "infra/natives/package-lock.json", "1.2.3", "2026-01-01T00:00:00Z", folder.Path])
        {
            start.ArgumentList.Add(argument.StartsWith('/') || char.IsDigit(argument[0]) ? argument : Path.Combine(s_root, argument));
        }

        using var process = System.Diagnostics.Process.Start(start)!;
        var bom = JsonNode.Parse(await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken))!;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        var components = bom["components"]!.AsArray().Select(c => c!).ToList();
        var files = components.Where(c => c["type"]!.ToString() == "file").ToDictionary(c => c["name"]!.ToString(), c => c["hashes"]![0]!["content"]!.ToString(), StringComparer.Ordinal);
        Assert.Equal(["a.dll", "demo/b.onnx"], files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("b"u8)), files["demo/b.onnx"]);
        var packages = components.Where(c => c["type"]!.ToString() == "library").ToList();
        Assert.Superset(new HashSet<string>(StringComparer.Ordinal) { "Confluent.Kafka", "com.github.asus4.onnxruntime", "Google.Protobuf", "MassTransit" }, packages.Select(c => c["name"]!.ToString()).ToHashSet(StringComparer.Ordinal));
        Assert.All(packages, c => Assert.True(c["hashes"]?[0]?["content"]?.ToString() is { Length: 128 }, c["name"]!.ToString()));
    }

    private static void AssertSelects(JsonNode selector, JsonObject labels) => Assert.All(selector.AsObject().ToList(), l => Assert.Equal(l.Value!.ToString(), labels[l.Key]?.ToString()));

    private static string Kind(JsonNode resource) => resource["kind"]!.ToString();

    private static string Name(JsonNode resource) => resource["metadata"]!["name"]!.ToString();

    private static string[] Texts(JsonNode? list) => [.. list?.AsArray().Select(i => i!.ToString()) ?? []];

    /// <summary>The configuration, as <c>check</c> reads it: no errors.</summary>
    private static Hosting.Configuration.LoadedConfiguration Checked(string configuration)
    {
        using var directory = new TemporaryDirectory();
        var file = directory.File("monitoring.yaml");
        File.WriteAllText(file, Regex.Replace(configuration, "^data: \\S+", "data: data", RegexOptions.Multiline, TimeSpan.FromSeconds(1)));
        var loaded = CheckVerb.Load(file, Program.Modules);
        Assert.Empty(loaded.Errors);
        Assert.All(loaded.Value.Models.Where(m => m.Onnx is not null), m => Assert.True(File.Exists(loaded.Resolve(m.Onnx!.Path)), m.Onnx!.Path));
        Assert.All(loaded.Value.Models.Where(m => m.Schema is not null), m => Assert.True(File.Exists(loaded.Resolve(m.Schema!)), m.Schema));
        return loaded;
    }

    private static int Port(Hosting.Configuration.LoadedConfiguration configuration) => new Uri(configuration.Value.Api.Listen.Single()).Port;

    private static IEnumerable<string> Secrets(string configuration) => SecretVariable().Matches(configuration).Select(m => m.Groups[1].Value).Distinct(StringComparer.Ordinal);

    private static string Read(string path) => File.ReadAllText(Path.Combine(s_root, path));

    private static List<JsonNode> Yaml(string path)
    {
        var documents = new List<JsonNode>();
        var parser = new MergingParser(new Parser(new StringReader(Read(path))));
        var deserializer = new DeserializerBuilder().Build();
        parser.Consume<StreamStart>();
        while (parser.Accept<DocumentStart>(out _))
        {
            if (Node(deserializer.Deserialize<object?>(parser)) is { } node)
            {
                documents.Add(node);
            }
        }

        return documents;
    }

    private static JsonNode? Node(object? value) => value switch
    {
        null => null,
        Dictionary<object, object?> map => new JsonObject(map.Select(e => KeyValuePair.Create(e.Key.ToString()!, Node(e.Value)))),
        List<object?> list => new JsonArray([.. list.Select(Node)]),
        _ => JsonValue.Create(value.ToString()),
    };

    private static string FindRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "Monitoring.sln")))
        {
            directory = directory.Parent;
        }

        return directory.FullName;
    }

    [GeneratedRegex("env:([A-Z_]+)", RegexOptions.None, 1000)]
    private static partial Regex SecretVariable();

    [GeneratedRegex("GET (/[a-z/]+) HTTP", RegexOptions.None, 1000)]
    private static partial Regex HttpPath();

    [GeneratedRegex("\\$\\{([A-Z_]+)", RegexOptions.None, 1000)]
    private static partial Regex Interpolated();

    [GeneratedRegex("(?:http://|bootstrapServers: ')([a-z]+):", RegexOptions.None, 1000)]
    private static partial Regex Addresses();
}
