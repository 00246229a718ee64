using System.Globalization;
using System.Text.RegularExpressions;

namespace Monitoring.Leakage;

/// <summary>
/// Finds personal data by pattern, then checksum or context, as Presidio does: what has a checksum must pass it, what has none must stand near a word that says what it is.
/// Linear in the text (no backtracking).
/// </summary>
internal static partial class PersonalDataScanner
{
    private const int ContextLetters = 48;

    private static readonly string[] s_ssnContext = ["ssn", "social security", "social-security", "sozialversicherung", "tax id"];
    private static readonly string[] s_phoneContext = ["phone", "tel", "call", "mobile", "cell", "fax", "contact", "handy"];

    /// <summary>Registered lengths of IBANs by country (ISO 13616 registry).</summary>
    private static readonly Dictionary<string, int> s_ibanLengths = new(StringComparer.Ordinal)
    {
        ["AD"] = 24,
        ["AE"] = 23,
        ["AL"] = 28,
        ["AT"] = 20,
        ["AZ"] = 28,
        ["BA"] = 20,
        ["BE"] = 16,
        ["BG"] = 22,
        ["BH"] = 22,
        ["BR"] = 29,
        ["CH"] = 21,
        ["CR"] = 22,
        ["CY"] = 28,
        ["CZ"] = 24,
        ["DE"] = 22,
        ["DK"] = 18,
        ["DO"] = 28,
        ["EE"] = 20,
        ["ES"] = 24,
        ["FI"] = 18,
        ["FO"] = 18,
        ["FR"] = 27,
        ["GB"] = 22,
        ["GE"] = 22,
        ["GI"] = 23,
        ["GL"] = 18,
        ["GR"] = 27,
        ["GT"] = 28,
        ["HR"] = 21,
        ["HU"] = 28,
        ["IE"] = 22,
        ["IL"] = 23,
        ["IS"] = 26,
        ["IT"] = 27,
        ["JO"] = 30,
        ["KW"] = 30,
        ["KZ"] = 20,
        ["LB"] = 28,
        ["LI"] = 21,
        ["LT"] = 20,
        ["LU"] = 20,
        ["LV"] = 21,
        ["MC"] = 27,
        ["MD"] = 24,
        ["ME"] = 22,
        ["MK"] = 19,
        ["MR"] = 27,
        ["MT"] = 31,
        ["MU"] = 30,
        ["NL"] = 18,
        ["NO"] = 15,
        ["PK"] = 24,
        ["PL"] = 28,
        ["PS"] = 29,
        ["PT"] = 25,
        ["QA"] = 29,
        ["RO"] = 24,
        ["RS"] = 22,
        ["SA"] = 24,
        ["SE"] = 24,
        ["SI"] = 19,
        ["SK"] = 24,
        ["SM"] = 27,
        ["TN"] = 24,
        ["TR"] = 26,
        ["UA"] = 29,
        ["VG"] = 24,
        ["XK"] = 20,
    };

    public static IEnumerable<PersonalData> Scan(string text)
    {
        foreach (var card in CardNumbers.Find(text))
        {
            yield return new(PersonalDataType.CardNumber, card);
        }

        foreach (Match match in IbanPattern().Matches(text))
        {
            var iban = match.Value.Replace(" ", "", StringComparison.Ordinal).ToUpperInvariant();
            if (s_ibanLengths.TryGetValue(iban[..2], out var length) && iban.Length >= length && Mod97(iban[..length]))
            {
                yield return new(PersonalDataType.Iban, iban[..length].ToLowerInvariant());
            }
        }

        foreach (Match match in SsnPattern().Matches(text))
        {
            var digits = Digits(match.Value);
            if (IsSocialSecurityNumber(digits) && HasContext(text, match, s_ssnContext))
            {
                yield return new(PersonalDataType.SocialSecurityNumber, digits);
            }
        }

        foreach (Match match in EmailPattern().Matches(text))
        {
            yield return new(PersonalDataType.Email, match.Value.ToLowerInvariant());
        }

        foreach (Match match in PhonePattern().Matches(text))
        {
            var digits = Digits(match.Value);
            if (digits.Length is >= 8 and <= 15 && (match.Value.StartsWith('+') || HasContext(text, match, s_phoneContext)))
            {
                yield return new(PersonalDataType.Phone, digits);
            }
        }

        foreach (Match match in KeyPattern().Matches(text))
        {
            yield return new(PersonalDataType.SecretKey, match.Value.ToLowerInvariant());
        }

        foreach (Match match in AssignedSecretPattern().Matches(text))
        {
            var secret = match.Groups[1].Value;
            if (Entropy(secret) > 3.5)
            {
                yield return new(PersonalDataType.SecretKey, secret.ToLowerInvariant());
            }
        }
    }

    /// <summary>ISO 7064 mod 97-10 of an IBAN.</summary>
    internal static bool Mod97(string iban)
    {
        var remainder = 0;
        foreach (var letter in iban[4..] + iban[..4])
        {
            var value = char.IsAsciiDigit(letter) ? letter - '0' : letter - 'A' + 10;
            remainder = ((remainder * (value > 9 ? 100 : 10)) + value) % 97;
        }

        return remainder == 1;
    }

    private static bool IsSocialSecurityNumber(string digits) =>
        digits.Length == 9 && digits.Distinct().Count() > 1 && digits[0] != '9' && !digits.StartsWith("000", StringComparison.Ordinal) && !digits.StartsWith("666", StringComparison.Ordinal) &&
        digits.Substring(3, 2) != "00" && digits[5..] != "0000" && digits is not ("123456789" or "078051120");

    private static bool HasContext(string text, Match match, string[] words)
    {
        var before = text.AsSpan(Math.Max(0, match.Index - ContextLetters), Math.Min(match.Index, ContextLetters));
        foreach (var word in words)
        {
            if (before.Contains(word, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private static string Digits(string text) => string.Concat(text.Where(char.IsAsciiDigit));

    /// <summary>Bits per character.</summary>
    private static double Entropy(string text) => text.GroupBy(c => c).Sum(g => -(g.Count() / (double)text.Length) * Math.Log2(g.Count() / (double)text.Length));

    [GeneratedRegex(@"\b[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}\b", RegexOptions.NonBacktracking)]
    private static partial Regex IbanPattern();

    [GeneratedRegex(@"\b[0-9]{3}(?:-[0-9]{2}-|\.[0-9]{2}\.| [0-9]{2} |[0-9]{2})[0-9]{4}\b", RegexOptions.NonBacktracking)]
    private static partial Regex SsnPattern();

    [GeneratedRegex(@"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", RegexOptions.NonBacktracking)]
    private static partial Regex EmailPattern();

    [GeneratedRegex(@"\+?[0-9](?:[ ().-]{0,2}[0-9]){7,14}\b", RegexOptions.NonBacktracking)]
    private static partial Regex PhonePattern();

    [GeneratedRegex(@"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abpr]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9]{20,}|AIza[0-9A-Za-z_-]{35})\b|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----", RegexOptions.NonBacktracking)]
    private static partial Regex KeyPattern();

    [GeneratedRegex(@"(?:secret|token|password|api[_-]?key)[""']?\s{0,3}[:=]\s{0,3}[""']?([A-Za-z0-9+/_=-]{20,})", RegexOptions.NonBacktracking | RegexOptions.IgnoreCase)]
    private static partial Regex AssignedSecretPattern();
}
