using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace Monitoring.WebConsole.Markup;

/// <summary>Builds <see cref="Html"/> from an interpolated string: literals as they are, holes encoded, numbers in the invariant culture.</summary>
[InterpolatedStringHandler]
internal readonly ref struct HtmlTemplate(int literalLength, int formattedCount)
{
    private static readonly HtmlEncoder s_encoder = HtmlEncoder.Create(UnicodeRanges.All);
    private readonly StringBuilder _text = new(literalLength + (formattedCount * 16));

    public void AppendLiteral(string markup) => _text.Append(markup);

    public void AppendFormatted(string? text) => _text.Append(s_encoder.Encode(text ?? ""));

    public void AppendFormatted(Html markup) => _text.Append(markup.ToString());

    public void AppendFormatted(IEnumerable<Html> markup)
    {
        foreach (var piece in markup)
        {
            _text.Append(piece.ToString());
        }
    }

    public void AppendFormatted(long number, string? format = null) => _text.Append(number.ToString(format, CultureInfo.InvariantCulture));

    public void AppendFormatted(int number, string? format = null) => _text.Append(number.ToString(format, CultureInfo.InvariantCulture));

    public void AppendFormatted(double number, string? format = null) => _text.Append(s_encoder.Encode(number.ToString(format, CultureInfo.InvariantCulture)));

    public override string ToString() => _text.ToString();
}
