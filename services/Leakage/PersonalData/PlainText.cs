using System.Globalization;
using System.Text;

namespace Monitoring.Leakage;

/// <summary>A text as a reader sees it, in the letters that patterns are written in: what is escaped, set in other digits, dashes or spaces, or encoded as base64 says the same.</summary>
internal static class PlainText
{
    /// <summary>Shortest base64 worth decoding: eighteen letters, less than any number with a checksum needs.</summary>
    private const int LeastEncoded = 24;

    /// <summary>
    /// Digits of every script, full-width letters, dashes and spaces as ASCII has them; characters of no width are left out; escapes of JSON (<c>\u0034</c>, <c>\n</c>, <c>\"</c>) are what they stand for. The same string where nothing is to do.
    /// </summary>
    public static string Of(string text)
    {
        if (Ascii.IsValid(text) && !text.Contains('\\', StringComparison.Ordinal))
        {
            return text;
        }

        var plain = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var letter = text[i];
            if (letter == '\\' && i + 1 < text.Length)
            {
                i++;
                letter = text[i];
                if (letter == 'u' && i + 4 < text.Length && ushort.TryParse(text.AsSpan(i + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
                {
                    (letter, i) = ((char)code, i + 4);
                }
                else if (letter is 'n' or 't' or 'r' or 'b' or 'f')
                {
                    letter = ' ';
                }
            }

            if (Simple(letter) is { } simple)
            {
                plain.Append(simple);
            }
        }

        return plain.ToString();
    }

    /// <summary>Texts that stand in a text as base64 (or its form for addresses): runs that decode to what can be read.</summary>
    public static IEnumerable<string> Encoded(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var start = i;
            while (i < text.Length && (char.IsAsciiLetterOrDigit(text[i]) || text[i] is '+' or '/' or '-' or '_'))
            {
                i++;
            }

            if (i - start >= LeastEncoded && Decode(text.AsSpan(start, i - start)) is { } decoded)
            {
                yield return decoded;
            }
        }
    }

    private static char? Simple(char letter)
    {
        if (char.IsAscii(letter))
        {
            return letter;
        }

        // Full-width forms stand in the order of ASCII.
        if (letter is >= '\uFF01' and <= '\uFF5E')
        {
            return (char)(letter - '\uFF01' + '!');
        }

        return char.GetUnicodeCategory(letter) switch
        {
            UnicodeCategory.DecimalDigitNumber => (char)('0' + CharUnicodeInfo.GetDecimalDigitValue(letter)),
            UnicodeCategory.DashPunctuation => '-',
            UnicodeCategory.SpaceSeparator => ' ',
            UnicodeCategory.Format => null,
            _ => letter == '\u2212' ? '-' : letter,
        };
    }

    private static string? Decode(ReadOnlySpan<char> run)
    {
        // Four letters are three bytes; a rest of one letter is none.
        var letters = run.Length - (run.Length % 4 == 1 ? 1 : 0);
        Span<char> padded = new char[(letters + 3) / 4 * 4];
        padded.Fill('=');
        run[..letters].CopyTo(padded);
        padded.Replace('-', '+');
        padded.Replace('_', '/');
        var bytes = new byte[padded.Length / 4 * 3];
        if (!Convert.TryFromBase64Chars(padded, bytes, out var written))
        {
            return null;
        }

        foreach (var value in bytes.AsSpan(0, written))
        {
            if (value is < (byte)' ' and not ((byte)'\n' or (byte)'\r' or (byte)'\t') or > (byte)'~')
            {
                return null;
            }
        }

        return Encoding.ASCII.GetString(bytes, 0, written);
    }
}
