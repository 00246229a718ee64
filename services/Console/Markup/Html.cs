using System.Runtime.CompilerServices;

namespace Monitoring.WebConsole.Markup;

/// <summary>
/// Markup that is safe to send. It is made from interpolated strings whose literal parts are ours and whose holes are encoded, so that nothing that
/// came from a client, a file or a person can become markup: <c>Html.Of($"&lt;p&gt;{text}&lt;/p&gt;")</c>. Attribute values stand in double quotes.
/// </summary>
internal readonly struct Html
{
    private readonly string? _text;

    private Html(string text) => _text = text;

    public static Html Empty => default;

    public bool IsEmpty => string.IsNullOrEmpty(_text);

    /// <summary>Markup from a template.</summary>
    public static Html Of(ref HtmlTemplate template) => new(template.ToString());

    /// <summary>The pieces one after another.</summary>
    public static Html Join(IEnumerable<Html> pieces) => new(string.Concat(pieces.Select(p => p._text)));

    /// <summary>The markup where a condition holds, else nothing; made only then.</summary>
    public static Html If(bool condition, Func<Html> markup) => condition ? markup() : default;

    public override string ToString() => _text ?? "";
}
