using System.Text;
using System.Text.RegularExpressions;
using Monitoring.WebConsole.Markup;

namespace Monitoring.WebConsole.Runbooks;

/// <summary>The few forms of Markdown that our runbooks use: headings, paragraphs, lists, tables, code, bold, links.</summary>
internal static partial class Markdown
{
    public static Html Render(string text)
    {
        var blocks = new List<Html>();
        var lines = text.ReplaceLineEndings("\n").Split('\n');
        for (var i = 0; i < lines.Length;)
        {
            var line = lines[i];
            if (line.Length == 0)
            {
                i++;
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                var end = Array.FindIndex(lines, i + 1, l => l.StartsWith("```", StringComparison.Ordinal));
                end = end < 0 ? lines.Length : end;
                blocks.Add(Html.Of($"<pre><code>{string.Join('\n', lines[(i + 1)..end])}</code></pre>"));
                i = end + 1;
            }
            else if (line.StartsWith("# ", StringComparison.Ordinal))
            {
                blocks.Add(Html.Of($"<h1>{Inline(line[2..])}</h1>"));
                i++;
            }
            else if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                blocks.Add(Html.Of($"<h2>{Inline(line[3..])}</h2>"));
                i++;
            }
            else if (line[0] == '|')
            {
                var end = Until(lines, i, l => l.StartsWith('|'));
                blocks.Add(Table(lines[i..end]));
                i = end;
            }
            else if (line.StartsWith("- ", StringComparison.Ordinal))
            {
                var end = Until(lines, i, l => l.StartsWith("- ", StringComparison.Ordinal) || l.StartsWith("  ", StringComparison.Ordinal));
                var items = string.Join('\n', lines[i..end]).Split("\n- ").Select(t => Html.Of($"<li>{Inline((t.StartsWith("- ", StringComparison.Ordinal) ? t[2..] : t).Replace("\n  ", " ", StringComparison.Ordinal))}</li>"));
                blocks.Add(Html.Of($"<ul>{items}</ul>"));
                i = end;
            }
            else
            {
                var end = Until(lines, i, l => l.Length > 0 && l[0] is not ('|' or '#') && !l.StartsWith("- ", StringComparison.Ordinal) && !l.StartsWith("```", StringComparison.Ordinal));
                blocks.Add(Html.Of($"<p>{Inline(string.Join(' ', lines[i..end]))}</p>"));
                i = end;
            }
        }

        return Html.Join(blocks);
    }

    private static int Until(string[] lines, int start, Func<string, bool> belongs)
    {
        var end = start + 1;
        while (end < lines.Length && belongs(lines[end]))
        {
            end++;
        }

        return end;
    }

    private static Html Table(string[] lines)
    {
        var rows = lines.Where(l => !Rule().IsMatch(l)).Select(Cells).ToList();
        var head = rows[0].Select(c => Html.Of($"<th scope=\"col\">{Inline(c)}</th>"));
        var body = rows.Skip(1).Select(r => Html.Of($"<tr>{r.Select(c => Html.Of($"<td>{Inline(c)}</td>"))}</tr>"));
        return Html.Of($"<div class=\"wide\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>");
    }

    /// <summary>A bar between backquotes is text.</summary>
    private static List<string> Cells(string line)
    {
        var cells = new List<string>();
        var cell = new StringBuilder();
        var code = false;
        foreach (var c in line.Trim().Trim('|'))
        {
            code ^= c == '`';
            if (c == '|' && !code)
            {
                cells.Add(cell.ToString().Trim());
                cell.Clear();
            }
            else
            {
                cell.Append(c);
            }
        }

        cells.Add(cell.ToString().Trim());
        return cells;
    }

    private static Html Inline(string text)
    {
        var pieces = new List<Html>();
        var at = 0;
        foreach (Match match in Spans().Matches(text))
        {
            pieces.Add(Html.Of($"{text[at..match.Index]}"));
            at = match.Index + match.Length;
            pieces.Add(match.Groups["code"] is { Success: true } code ? Html.Of($"<code>{code.Value}</code>")
                : match.Groups["bold"] is { Success: true } bold ? Html.Of($"<strong>{bold.Value}</strong>")
                : match.Groups["em"] is { Success: true } em ? Html.Of($"<em>{em.Value}</em>")
                : Link(match.Groups["text"].Value, match.Groups["url"].Value));
        }

        pieces.Add(Html.Of($"{text[at..]}"));
        return Html.Join(pieces);
    }

    private static Html Link(string text, string url)
    {
        if (url.StartsWith("https://", StringComparison.Ordinal) || url.StartsWith("http://", StringComparison.Ordinal))
        {
            return Html.Of($"<a href=\"{url}\" rel=\"noreferrer\">{text}</a>");
        }

        // A neighbouring runbook by its file name.
        return url.EndsWith(".md", StringComparison.Ordinal) && Runbook.Names.Contains(url[..^3], StringComparer.Ordinal) ? Html.Of($"<a href=\"/runbooks/{url[..^3]}\">{text}</a>") : Html.Of($"{text}");
    }

    [GeneratedRegex(@"`(?<code>[^`]+)`|\*\*(?<bold>[^*]+)\*\*|\*(?<em>[^*]+)\*|\[(?<text>[^\]]+)\]\((?<url>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Spans();

    [GeneratedRegex(@"^\|[\s|:-]+\|?$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Rule();
}
