using YamlDotNet.RepresentationModel;

namespace Monitoring.Hosting.Configuration;

/// <summary>Options whose type is known only to the kind they belong to, as text by key: scalars as written, lists joined by commas.</summary>
public sealed class SettingsNode
{
    private SettingsNode(IReadOnlyDictionary<string, string> values) => Values = values;

    /// <summary>No settings: every option has its default.</summary>
    public static SettingsNode Empty { get; } = new(new Dictionary<string, string>(StringComparer.Ordinal));

    public IReadOnlyDictionary<string, string> Values { get; }

    /// <summary>Null when the node is not a mapping of keys to scalars or lists of scalars.</summary>
    internal static SettingsNode? From(YamlNode node)
    {
        if (node is not YamlMappingNode mapping)
        {
            return null;
        }

        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in mapping.Children)
        {
            var text = value switch
            {
                YamlScalarNode scalar => scalar.Value,
                YamlSequenceNode sequence when sequence.Children.All(c => c is YamlScalarNode) => string.Join(',', sequence.Children.Select(c => ((YamlScalarNode)c).Value)),
                _ => null,
            };
            if (key is not YamlScalarNode { Value: { } name } || text is null)
            {
                return null;
            }

            values[name] = text;
        }

        return new SettingsNode(values);
    }
}
