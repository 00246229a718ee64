using System.Globalization;
using YamlDotNet.RepresentationModel;

namespace Monitoring.Hosting.Configuration;

/// <summary>Line of each path in a YAML document, for errors found after binding.</summary>
internal sealed class LineIndex
{
    private readonly Dictionary<string, int> _lines = new(StringComparer.Ordinal);

    public LineIndex(YamlNode? root) => Visit(root, "");

    /// <summary>Line of the path, or of its nearest ancestor that is in the file; 0 when there is none.</summary>
    public int Find(string path)
    {
        while (path.Length > 0)
        {
            if (_lines.TryGetValue(path, out var line))
            {
                return line;
            }

            var cut = Math.Max(path.LastIndexOf('.'), path.LastIndexOf('['));
            path = cut < 0 ? "" : path[..cut];
        }

        return 0;
    }

    private void Visit(YamlNode? node, string path)
    {
        if (node is null)
        {
            return;
        }

        if (path.Length > 0)
        {
            _lines[path] = (int)node.Start.Line;
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                foreach (var (key, value) in mapping.Children)
                {
                    Visit(value, path.Length == 0 ? ((YamlScalarNode)key).Value ?? "" : $"{path}.{((YamlScalarNode)key).Value}");
                }

                break;
            case YamlSequenceNode sequence:
                for (var i = 0; i < sequence.Children.Count; i++)
                {
                    Visit(sequence.Children[i], string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]"));
                }

                break;
        }
    }
}
