using System.Globalization;
using System.Text.RegularExpressions;

namespace Monitoring.Leakage;

/// <summary>
/// Finds personal data by pattern, then checksum or context, as Presidio does: what has a checksum must pass it, what has none must stand near a word that says what it is. Other scripts' digits, dashes and spaces, escapes and base64 are
/// read (<see cref="PlainText"/>). Linear in the text (no backtracking).
/// </summary>
internal static partial class PersonalDataScanner
{
    private const int ContextLetters = 48;

    private const int LongestIban = 34;

    private static readonly string[] s_ssnContext = ["ssn", "social security", "social-security", "social_security", "socialsecurity", "sozialversicherung", "sozialversicherungsnummer", "tax id", "tax_id"];
    private static readonly string[] s_phoneContext = ["phone", "phones", "telephone", "telefon", "phonenumber", "tel", "call", "mobile", "mobil", "cell", "cellphone", "fax", "contact", "handy"];

    /// <summary>Names of tokens that are a place in a list, not a secret.</summary>
    private static readonly string[] s_cursors = ["page", "next", "continuation", "cursor"];

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
        var plain = PlainText.Of(text);
        return ScanPlain(plain).Concat(PlainText.Encoded(plain).SelectMany(t => ScanPlain(PlainText.Of(t))));
    }

    private static IEnumerable<PersonalData> ScanPlain(string text)
    {
        foreach (var card in CardNumbers.Find(text))
        {
            yield return new(PersonalDataType.CardNumber, card);
        }

        foreach (Match match in IbanPattern().Matches(text))
        {
            if (Iban(text, match.Index) is { } iban)
            {
                yield return new(PersonalDataType.Iban, iban);
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
            if (digits.Length is >= 8 and <= 15 && IsApart(text, match) && (match.Value.StartsWith('+') || (!DatePattern().IsMatch(match.Value) && !IsVersion(match.Value) && HasContext(text, match, s_phoneContext))))
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
            if (Entropy(secret) > 3.5 && !s_cursors.Any(c => text.AsSpan(Math.Max(0, match.Index - 14), Math.Min(14, match.Index)).Contains(c, StringComparison.OrdinalIgnoreCase)))
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
            for (var from = 0; before[from..].IndexOf(word, StringComparison.OrdinalIgnoreCase) is >= 0 and var found; from += found + 1)
            {
                // "Hotel" and "cancelled" say nothing of telephones; "phoneNumber" and "home_phone" do.
                var (at, end) = (from + found, from + found + word.Length);
                if ((at == 0 || !char.IsLetter(before[at - 1]) || (char.IsUpper(before[at]) && char.IsLower(before[at - 1]))) && (end == before.Length || !char.IsLower(before[end])))
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>The IBAN that begins here, lower-case: as long as its country's are, in one piece or in fours, and whole; null where none does.</summary>
    private static string? Iban(string text, int start)
    {
        if (!s_ibanLengths.TryGetValue(text.Substring(start, 2).ToUpperInvariant(), out var length))
        {
            return null;
        }

        Span<char> iban = stackalloc char[LongestIban];
        var separator = '\0';
        for (var (at, count) = (start, 0); at < text.Length; at++)
        {
            if (count > 0 && count % 4 == 0)
            {
                separator = count == 4 && text[at] is ' ' or '-' ? text[at] : separator;
                if (separator != '\0' && (text[at] != separator || ++at == text.Length))
                {
                    return null;
                }
            }

            if (!char.IsAsciiLetterOrDigit(text[at]))
            {
                return null;
            }

            iban[count++] = char.ToUpperInvariant(text[at]);
            if (count == length)
            {
                var found = iban[..length].ToString();
                return (at + 1 == text.Length || !char.IsLetterOrDigit(text[at + 1])) && Mod97(found) ? found.ToLowerInvariant() : null;
            }
        }

        return null;
    }

    /// <summary>False for the middle of an identifier or of a sum, and for a number with decimals.</summary>
    private static bool IsApart(string text, Match match)
    {
        var (before, after) = (match.Index - 1, match.Index + match.Length);
        return (before < 0 || !(char.IsLetterOrDigit(text[before]) || text[before] is '_' or '-' or '.')) && !(after + 1 < text.Length && text[after] is '.' or ',' && char.IsAsciiDigit(text[after + 1]));
    }

    /// <summary>Numbers between points of which one is a single figure: no telephone is written so.</summary>
    private static bool IsVersion(string number) => number.Contains('.', StringComparison.Ordinal) && number.Split('.').Any(part => part.Trim().Length < 2);

    private static string Digits(string text) => string.Concat(text.Where(char.IsAsciiDigit));

    /// <summary>Bits per character.</summary>
    private static double Entropy(string text) => text.GroupBy(c => c).Sum(g => -(g.Count() / (double)text.Length) * Math.Log2(g.Count() / (double)text.Length));

    [GeneratedRegex(@"\b[A-Za-z]{2}[0-9]{2}", RegexOptions.NonBacktracking)]
    private static partial Regex IbanPattern();

    [GeneratedRegex(@"\b[0-9]{3}(?:-[0-9]{2}-|\.[0-9]{2}\.| [0-9]{2} |[0-9]{2})[0-9]{4}\b", RegexOptions.NonBacktracking)]
    private static partial Regex SsnPattern();

    [GeneratedRegex(@"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", RegexOptions.NonBacktracking)]
    private static partial Regex EmailPattern();

    [GeneratedRegex(@"\+?[0-9](?:[ ().-]{0,2}[0-9]){7,14}\b", RegexOptions.NonBacktracking)]
    private static partial Regex PhonePattern();

    [GeneratedRegex(@"^(?:19|20)[0-9]{2}[-./ ]?(?:0[1-9]|1[0-2])[-./ ]?(?:0[1-9]|[12][0-9]|3[01])|^(?:0?[1-9]|[12][0-9]|3[01])[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:19|20)[0-9]{2}", RegexOptions.NonBacktracking)]
    private static partial Regex DatePattern();

    [GeneratedRegex(
        @"\b(?:A(?:KI|SI)A[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,}|glpat-[A-Za-z0-9_-]{20,}|xox[abpr]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{20,}|sk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}" +
        @"|AIza[0-9A-Za-z_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})\b|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----",
        RegexOptions.NonBacktracking)]
    private static partial Regex KeyPattern();

    [GeneratedRegex(@"(?:secret|token|password|passwd|(?:api|access|account|private|secret|auth)[_-]?key)[""']?\s{0,3}[:=]\s{0,3}[""']?([A-Za-z0-9+/_=-]{20,})", RegexOptions.NonBacktracking | RegexOptions.IgnoreCase)]
    private static partial Regex AssignedSecretPattern();
}
