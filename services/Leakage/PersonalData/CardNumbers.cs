namespace Monitoring.Leakage;

/// <summary>
/// Payment card numbers in a text: 13 to 19 digits, together or in the groups that cards are printed in, that pass Luhn's checksum and either begin and measure as an issuer's do (ISO/IEC 7812 ranges as the schemes
/// publish them) or stand behind a word that says what they are. Linear in the text, which is plain (<see cref="PlainText"/>).
/// </summary>
internal static class CardNumbers
{
    private const int Shortest = 13;
    private const int Longest = 19;
    private const int ContextLetters = 48;

    /// <summary>Words that make a number with a right check digit a card of an issuer nobody listed here.</summary>
    private static readonly string[] s_context = ["credit card", "debit card", "card number", "card no", "cardnumber", "card_number", "card-number", "kreditkart", "kartennummer", "carte bancaire", "tarjeta", "payment card", "bank card"];

    /// <summary>First and last leading digits, and lengths, by scheme.</summary>
    private static readonly (int First, int Last, int[] Lengths)[] s_issuers =
    [
        (4, 4, [13, 16, 19]), // Visa
        (51, 55, [16]), // Mastercard
        (2221, 2720, [16]), // Mastercard, since 2017
        (34, 34, [15]), // American Express
        (37, 37, [15]),
        (300, 305, [14, 16, 17, 18, 19]), // Diners Club
        (3095, 3095, [14, 16, 17, 18, 19]),
        (36, 36, [14, 15, 16, 17, 18, 19]),
        (38, 39, [14, 16, 17, 18, 19]),
        (3528, 3589, [16, 17, 18, 19]), // JCB
        (6011, 6011, [16, 17, 18, 19]), // Discover
        (644, 649, [16, 17, 18, 19]),
        (65, 65, [16, 17, 18, 19]),
        (62, 62, [16, 17, 18, 19]), // UnionPay
        (5018, 5018, [13, 14, 15, 16, 17, 18, 19]), // Maestro
        (5020, 5020, [13, 14, 15, 16, 17, 18, 19]),
        (5038, 5038, [13, 14, 15, 16, 17, 18, 19]),
        (5893, 5893, [13, 14, 15, 16, 17, 18, 19]),
        (6304, 6304, [13, 14, 15, 16, 17, 18, 19]),
        (6759, 6759, [13, 14, 15, 16, 17, 18, 19]),
        (6761, 6763, [13, 14, 15, 16, 17, 18, 19]),
    ];

    /// <summary>Sizes of the groups that numbers are printed in.</summary>
    private static readonly int[][] s_shapes = [[4, 4, 4, 4], [4, 4, 4, 4, 3], [4, 4, 4, 4, 2], [4, 6, 5], [4, 6, 4], [4, 4, 4, 2], [4, 4, 4, 1], [4, 4, 5], [6, 13], [8, 8]];

    /// <summary>The digits of every card number, in the order of the text.</summary>
    public static IEnumerable<string> Find(string text)
    {
        var runs = Runs(text);
        for (var first = 0; first < runs.Count; first++)
        {
            var groups = Groups(text, runs, first);
            if (groups == 0)
            {
                continue;
            }

            yield return string.Concat(Enumerable.Range(first, groups).Select(r => text.AsSpan(runs[r].Start, runs[r].Length).ToString()));
            first += groups - 1;
        }
    }

    /// <summary>Luhn's checksum (ISO/IEC 7812-1).</summary>
    internal static bool Luhn(string digits)
    {
        var sum = 0;
        for (var i = 0; i < digits.Length; i++)
        {
            var digit = digits[digits.Length - 1 - i] - '0';
            sum += i % 2 == 0 ? digit : digit > 4 ? (2 * digit) - 9 : 2 * digit;
        }

        return sum % 10 == 0;
    }

    /// <summary>Whether a scheme issues numbers that begin like this and have this length.</summary>
    internal static bool IsIssued(string digits)
    {
        foreach (var (first, last, lengths) in s_issuers)
        {
            var leading = 0;
            for (var i = 0; i < Digits(first); i++)
            {
                leading = (leading * 10) + digits[i] - '0';
            }

            if (leading >= first && leading <= last && Array.IndexOf(lengths, digits.Length) >= 0)
            {
                return true;
            }
        }

        return false;

        static int Digits(int number) => number < 10 ? 1 : number < 100 ? 2 : number < 1_000 ? 3 : 4;
    }

    /// <summary>Runs of digits that could be a group: whole words, and not what stands behind a decimal point.</summary>
    private static List<(int Start, int Length)> Runs(string text)
    {
        var runs = new List<(int Start, int Length)>();
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsAsciiDigit(text[i]))
            {
                continue;
            }

            var start = i;
            while (i < text.Length && char.IsAsciiDigit(text[i]))
            {
                i++;
            }

            var fraction = start > 1 && text[start - 1] == '.' && char.IsAsciiDigit(text[start - 2]);
            if (!fraction && (start == 0 || !IsWord(text[start - 1])) && (i == text.Length || !IsWord(text[i])))
            {
                runs.Add((start, i - start));
            }
        }

        return runs;

        static bool IsWord(char letter) => char.IsLetterOrDigit(letter) || letter == '_';
    }

    /// <summary>How many runs from this one on are a card number; 0 for none. What begins as a group of a longer number and what follows it (a month, a year) are tried apart.</summary>
    private static int Groups(string text, List<(int Start, int Length)> runs, int first)
    {
        if (runs[first].Length is >= Shortest and <= Longest)
        {
            return IsCard(text, runs, first, 1) ? 1 : 0;
        }

        foreach (var shape in s_shapes)
        {
            if (Fits(text, runs, first, shape) && IsCard(text, runs, first, shape.Length))
            {
                return shape.Length;
            }
        }

        return 0;
    }

    private static bool Fits(string text, List<(int Start, int Length)> runs, int first, int[] shape)
    {
        if (first + shape.Length > runs.Count)
        {
            return false;
        }

        for (var group = 0; group < shape.Length; group++)
        {
            var (start, length) = runs[first + group];
            if (length != shape[group])
            {
                return false;
            }

            // One separator, the same throughout.
            var before = group == 0 ? default : runs[first + group - 1];
            if (group > 0 && (before.Start + before.Length + 1 != start || text[start - 1] is not (' ' or '-') || text[start - 1] != text[runs[first + 1].Start - 1]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsCard(string text, List<(int Start, int Length)> runs, int first, int groups)
    {
        var digits = string.Concat(Enumerable.Range(first, groups).Select(r => text.Substring(runs[r].Start, runs[r].Length)));
        return Luhn(digits) && digits.Distinct().Count() > 1 && (IsIssued(digits) || HasContext(text, runs[first].Start));
    }

    private static bool HasContext(string text, int start)
    {
        var before = text.AsSpan(Math.Max(0, start - ContextLetters), Math.Min(start, ContextLetters));
        foreach (var word in s_context)
        {
            if (before.Contains(word, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
