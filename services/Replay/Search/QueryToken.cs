namespace Monitoring.Replay.Search;

/// <summary>A token of an expression.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As written; text constants without their quotes.</param>
/// <param name="Column">1-based.</param>
internal readonly record struct QueryToken(QueryTokenKind Kind, string Text, int Column)
{
    public bool Is(string symbol) => Kind == QueryTokenKind.Symbol && Text == symbol;

    public bool IsWord(string word) => Kind == QueryTokenKind.Word && string.Equals(Text, word, StringComparison.OrdinalIgnoreCase);

    public string Describe() => Kind switch
    {
        QueryTokenKind.End => "the end",
        QueryTokenKind.Text => $"\"{Text}\"",
        _ => $"'{Text}'",
    };

    /// <summary>Cuts an expression into tokens; the last one is <see cref="QueryTokenKind.End"/>.</summary>
    public static List<QueryToken> Read(string expression)
    {
        var tokens = new List<QueryToken>();
        for (var i = 0; i < expression.Length;)
        {
            var c = expression[i];
            var start = i;
            if (char.IsWhiteSpace(c))
            {
                i++;
                continue;
            }

            if (c is '"' or '\'')
            {
                var end = expression.IndexOf(c, i + 1);
                if (end < 0)
                {
                    throw new QueryException(start + 1, $"the text that starts here is not closed with {c}");
                }

                tokens.Add(new QueryToken(QueryTokenKind.Text, expression[(i + 1)..end], start + 1));
                i = end + 1;
            }
            else if (char.IsAsciiDigit(c) || (c is '-' or '+' or '.' && i + 1 < expression.Length && (char.IsAsciiDigit(expression[i + 1]) || expression[i + 1] == '.')))
            {
                // Numbers with units and times: 100ms, 1.5e-3, 2026-11-22T21:00Z. A sign continues only after an exponent or inside a date.
                i++;
                while (i < expression.Length && (char.IsAsciiLetterOrDigit(expression[i]) || expression[i] is '.' or ':' || (expression[i] is '-' or '+' && (expression[i - 1] is 'e' or 'E' || IsDate(expression, start, i)))))
                {
                    i++;
                }

                tokens.Add(new QueryToken(QueryTokenKind.Number, expression[start..i], start + 1));
            }
            else if (char.IsAsciiLetter(c) || c == '_')
            {
                while (i < expression.Length && (char.IsAsciiLetterOrDigit(expression[i]) || expression[i] is '_' or '.' or '-'))
                {
                    i++;
                }

                tokens.Add(new QueryToken(QueryTokenKind.Word, expression[start..i], start + 1));
            }
            else
            {
                var two = i + 1 < expression.Length ? expression.Substring(i, 2) : "";
                var symbol = two is "==" or "!=" or "<=" or ">=" or "&&" or "||" ? two : c.ToString();
                if (symbol.Length == 1 && !"=<>(),[]!".Contains(c, StringComparison.Ordinal))
                {
                    throw new QueryException(start + 1, $"'{c}' means nothing here");
                }

                tokens.Add(new QueryToken(QueryTokenKind.Symbol, symbol, start + 1));
                i += symbol.Length;
            }
        }

        tokens.Add(new QueryToken(QueryTokenKind.End, "", expression.Length + 1));
        return tokens;
    }

    private static bool IsDate(string expression, int start, int at) => at - start >= 4 && expression.AsSpan(start, 4).IndexOfAnyExceptInRange('0', '9') < 0;
}

internal enum QueryTokenKind
{
    Word,
    Text,
    Number,
    Symbol,
    End,
}
