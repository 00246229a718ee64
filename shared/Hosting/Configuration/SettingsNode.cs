using YamlDotNet.RepresentationModel;

namespace Monitoring.Hosting.Configuration;

/// <summary>A part of the configuration whose type is known only later: the options of a monitor kind.</summary>
public sealed class SettingsNode
{
    internal SettingsNode(YamlNode? node, string path, string file, int line)
    {
        Node = node;
        Path = path;
        File = file;
        Line = line;
    }

    /// <summary>No settings: every option has its default.</summary>
    public static SettingsNode Empty { get; } = new(null, "options", "(default)", 0);

    internal YamlNode? Node { get; }

    internal string Path { get; }

    internal string File { get; }

    internal int Line { get; }

    /// <summary>Options from <c>key=value</c> pairs of a command line.</summary>
    public static SettingsNode FromPairs(IEnumerable<KeyValuePair<string, string>> pairs, string source)
    {
        var mapping = new YamlMappingNode();
        foreach (var (key, value) in pairs)
        {
            mapping.Add(key, value);
        }

        return new SettingsNode(mapping, "option", source, 0);
    }

    /// <summary>Binds the settings to a record of type <paramref name="type"/>, adding every error to <paramref name="errors"/>.</summary>
    public object Bind(Type type, ICollection<ConfigurationError> errors) => new YamlBinder(File, errors).Bind(Node, type, Path);
}
