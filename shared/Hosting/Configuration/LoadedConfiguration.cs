using System.Security.Cryptography;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Monitoring.Hosting.Configuration;

/// <summary>A configuration as read from a file: the values, where they came from, every error and every warning.</summary>
/// <param name="Value">Values; defaults where the file says nothing or says it wrongly.</param>
/// <param name="File">Full path; relative paths in the configuration start from its folder.</param>
/// <param name="Sha256">Of the file's bytes, lower-case hexadecimal.</param>
/// <param name="Errors">Empty when the configuration may be used.</param>
/// <param name="Warnings">Safe to run, but worth a look: no authentication off loopback, no pin, no client identity.</param>
public sealed record LoadedConfiguration(
    MonitoringConfiguration Value,
    string File,
    string Sha256,
    IReadOnlyList<ConfigurationError> Errors,
    IReadOnlyList<ConfigurationError> Warnings)
{
    private const int MaxBytes = 16 << 20;

    /// <summary>Folder that relative paths in the configuration start from.</summary>
    public string BaseDirectory => Path.GetDirectoryName(File)!;

    /// <summary>Full path of a path in the configuration.</summary>
    public string Resolve(string path) => Path.GetFullPath(path, BaseDirectory);

    /// <summary>The data folder.</summary>
    public string DataDirectory => Resolve(Value.Data);

    /// <summary>Reads and checks a file. Never throws for what the file says.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="validators">Checks beyond types and ranges; all run.</param>
    public static LoadedConfiguration Load(string file, IEnumerable<IConfigurationValidator> validators)
    {
        file = Path.GetFullPath(file);
        if (!System.IO.File.Exists(file))
        {
            return Failed(file, new ConfigurationError(file, 0, "(file)", "does not exist"));
        }

        if (new FileInfo(file).Length > MaxBytes)
        {
            return Failed(file, new ConfigurationError(file, 0, "(file)", "is larger than 16 MiB"));
        }

        return Parse(System.IO.File.ReadAllText(file), file, validators);
    }

    /// <summary>Checks a text as if it were the content of <paramref name="file"/>.</summary>
    public static LoadedConfiguration Parse(string text, string file, IEnumerable<IConfigurationValidator> validators)
    {
        file = Path.GetFullPath(file);
        var errors = new List<ConfigurationError>();
        var warnings = new List<ConfigurationError>();
        YamlNode? root = null;
        try
        {
            RejectAliases(text, file, errors);
            if (errors.Count == 0)
            {
                var stream = new YamlStream();
                stream.Load(new StringReader(text));
                root = stream.Documents.Count > 0 ? stream.Documents[0].RootNode : null;
            }
        }
        catch (YamlException e)
        {
            return Failed(file, new ConfigurationError(file, (int)e.Start.Line, "(file)", $"is not YAML: {e.Message}"));
        }

        var value = (MonitoringConfiguration)new YamlBinder(file, errors).Bind(root, typeof(MonitoringConfiguration), "");
        var lines = new LineIndex(root);
        var loaded = new LoadedConfiguration(value, file, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), errors, warnings);
        var report = new ValidationReport(file, lines, errors, warnings);
        foreach (var validator in validators)
        {
            validator.Validate(loaded, report);
        }

        return loaded;
    }

    /// <summary>Aliases make a small file expand without bound ("billion laughs"); the product has no use for them. Depth is bounded for the same reason.</summary>
    private static void RejectAliases(string text, string file, List<ConfigurationError> errors)
    {
        var depth = 0;
        var parser = new Parser(new StringReader(text));
        while (parser.MoveNext())
        {
            depth += parser.Current switch
            {
                YamlDotNet.Core.Events.MappingStart or YamlDotNet.Core.Events.SequenceStart => 1,
                YamlDotNet.Core.Events.MappingEnd or YamlDotNet.Core.Events.SequenceEnd => -1,
                _ => 0,
            };
            if (parser.Current is YamlDotNet.Core.Events.AnchorAlias)
            {
                errors.Add(new ConfigurationError(file, (int)parser.Current.Start.Line, "(file)", "aliases are not allowed"));
                return;
            }

            if (depth > 32)
            {
                errors.Add(new ConfigurationError(file, (int)parser.Current!.Start.Line, "(file)", "is nested deeper than 32 levels"));
                return;
            }
        }
    }

    private static LoadedConfiguration Failed(string file, ConfigurationError error) => new(new MonitoringConfiguration(), file, "", [error], []);
}
