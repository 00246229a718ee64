using System.Globalization;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Search;

/// <summary>
/// Reads expressions such as <c>model == "digits" and label in ("4", "9") and confidence &lt; 0.6 and latency > 20ms and
/// input.distance between 100 and 500 and not client startsWith "acme"</c>. Every constant is checked against its field's type.
/// </summary>
internal sealed class QueryParser
{
    private static readonly string[] s_fields =
        ["id", "request", "model", "version", "client", "error", "label", "time", "status", "latency", "confidence", "rows", "violations", "input.NAME", "input[N]", "attribute.NAME"];

    private readonly IReadOnlyDictionary<string, ModelSchema> _schemas;
    private readonly List<QueryToken> _tokens;
    private int _next;

    private QueryParser(string expression, IReadOnlyDictionary<string, ModelSchema> schemas)
    {
        _schemas = schemas;
        _tokens = QueryToken.Read(expression);
    }

    private QueryToken Current => _tokens[_next];

    /// <summary>Parses an expression.</summary>
    /// <param name="expression">The expression.</param>
    /// <param name="schemas">Schema by model name: what <c>input.NAME</c>, categories and class names mean.</param>
    /// <exception cref="QueryException">It is not understood.</exception>
    public static EventPredicate Parse(string expression, IReadOnlyDictionary<string, ModelSchema> schemas)
    {
        var parser = new QueryParser(expression, schemas);
        var predicate = parser.Or();
        return parser.Current.Kind == QueryTokenKind.End ? predicate : throw new QueryException(parser.Current.Column, $"'and', 'or' or the end expected, found {parser.Current.Describe()}");
    }

    private EventPredicate Or()
    {
        var parts = new List<EventPredicate> { And() };
        while (Current.IsWord("or") || Current.Is("||"))
        {
            _next++;
            parts.Add(And());
        }

        return parts.Count == 1 ? parts[0] : new EventPredicate.Any([.. parts]);
    }

    private EventPredicate And()
    {
        var parts = new List<EventPredicate> { Unary() };
        while (Current.IsWord("and") || Current.Is("&&"))
        {
            _next++;
            parts.Add(Unary());
        }

        return parts.Count == 1 ? parts[0] : new EventPredicate.All([.. parts]);
    }

    private EventPredicate Unary()
    {
        if (Current.IsWord("not") || Current.Is("!"))
        {
            _next++;
            return new EventPredicate.Not(Unary());
        }

        if (Current.Is("("))
        {
            _next++;
            var inner = Or();
            Expect(")");
            return inner;
        }

        return Comparison();
    }

    private EventPredicate Comparison()
    {
        var token = Current;
        if (token.Kind != QueryTokenKind.Word)
        {
            throw new QueryException(token.Column, $"a field expected, found {token.Describe()}; fields are {string.Join(", ", s_fields)}");
        }

        _next++;
        var name = token.Text;
        var column = -1;
        if (name == "input" && Current.Is("["))
        {
            _next++;
            if (Current.Kind != QueryTokenKind.Number || !int.TryParse(Current.Text, NumberStyles.None, CultureInfo.InvariantCulture, out column))
            {
                throw new QueryException(Current.Column, $"a column number expected, found {Current.Describe()}");
            }

            _next++;
            Expect("]");
        }

        return name switch
        {
            "id" => Text(static (in EventView v) => v.Id),
            "request" => Text(static (in EventView v) => v.RequestId),
            "model" => Text(static (in EventView v) => v.Model),
            "version" => Text(static (in EventView v) => v.Version),
            "client" => Text(static (in EventView v) => v.Client),
            "error" => Text(static (in EventView v) => v.Error),
            "label" => Label(),
            "time" => Number(static (in EventView v, int _) => v.TimeUnixNano, false, Time, "a time, for example 2026-11-22T21:00:00Z"),
            "status" => Number(static (in EventView v, int _) => v.Status, false, Plain, "a number"),
            "latency" => Number(static (in EventView v, int _) => v.LatencyNano, false, Nanoseconds, "a duration, for example 20ms"),
            "confidence" => Number(static (in EventView v, int row) => EventRows.Confidence(v, row), true, Plain, "a number"),
            "rows" => Number(static (in EventView v, int _) => EventRows.Count(v), false, Plain, "a number"),
            "violations" => Number(static (in EventView v, int _) => v.Violations, false, Plain, "a number"),
            "input" when column >= 0 => Number((in EventView v, int row) => EventRows.Input(v, row, column), true, Plain, "a number"),
            _ when name.StartsWith("input.", StringComparison.Ordinal) => Input(name[6..], token.Column),
            _ when name.StartsWith("attribute.", StringComparison.Ordinal) => Attribute(EventRows.Utf8(name[10..])),
            _ => throw new QueryException(token.Column, $"there is no field '{name}'; fields are {string.Join(", ", s_fields)}"),
        };
    }

    private EventPredicate Attribute(byte[] key) => Text((in EventView v) => v.TryGetAttribute(key, out var value) ? value : default);

    private EventPredicate Text(TextField field)
    {
        var op = Current;
        _next++;
        if (op.Is("==") || op.Is("="))
        {
            return new EventPredicate.TextIs(field, TextTest.Equal, [TextConstant()]);
        }

        if (op.Is("!="))
        {
            return new EventPredicate.Not(new EventPredicate.TextIs(field, TextTest.Equal, [TextConstant()]));
        }

        if (op.IsWord("startsWith"))
        {
            return new EventPredicate.TextIs(field, TextTest.StartsWith, [TextConstant()]);
        }

        if (op.IsWord("contains"))
        {
            return new EventPredicate.TextIs(field, TextTest.Contains, [TextConstant()]);
        }

        if (op.IsWord("in"))
        {
            return new EventPredicate.TextIs(field, TextTest.Equal, List(TextConstant));
        }

        throw new QueryException(op.Column, $"==, !=, in, startsWith or contains expected after a text field, found {op.Describe()}");
    }

    /// <summary>A label is a class name or, where the model has no names, a class number.</summary>
    private EventPredicate Label()
    {
        var op = Current;
        _next++;
        List<QueryToken> constants;
        if (op.Is("==") || op.Is("=") || op.Is("!="))
        {
            constants = [Constant()];
        }
        else if (op.IsWord("in"))
        {
            constants = List(Constant);
        }
        else
        {
            throw new QueryException(op.Column, $"==, != or in expected after label, found {op.Describe()}");
        }

        var wanted = new Dictionary<string, HashSet<int>>(StringComparer.Ordinal);
        foreach (var (model, schema) in _schemas)
        {
            wanted[model] = [.. constants.Select(c => schema.Classes.Count == 0 ? -2 : IndexOf(schema.Classes, c.Text)).Where(i => i >= 0)];
        }

        var numbers = constants.Select(c => int.TryParse(c.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : -2).ToHashSet();
        foreach (var constant in constants)
        {
            if (_schemas.Count > 0 && _schemas.Values.All(s => s.Classes.Count > 0 && IndexOf(s.Classes, constant.Text) < 0))
            {
                throw new QueryException(constant.Column, $"no model has a class {constant.Describe()}; classes are {string.Join(", ", _schemas.Values.SelectMany(s => s.Classes).Distinct().Take(50))}");
            }
        }

        var byModel = _schemas.Where(s => s.Value.Classes.Count > 0).Select(s => (Name: EventRows.Utf8(s.Key), Classes: wanted[s.Key])).ToArray();
        NumberField matches = (in EventView view, int row) =>
        {
            var predicted = EventRows.PredictedClass(view, row);
            foreach (var (name, classes) in byModel)
            {
                if (view.Model.SequenceEqual(name))
                {
                    return classes.Contains(predicted) ? 1 : 0;
                }
            }

            return numbers.Contains(predicted) ? 1 : 0;
        };
        EventPredicate predicate = new EventPredicate.NumberIn(matches, true, 1, 1, false, false);
        return op.Is("!=") ? new EventPredicate.Not(predicate) : predicate;
    }

    private EventPredicate Input(string name, int at)
    {
        var columns = new List<(byte[] Model, int Column)>();
        var categories = new List<string>();
        foreach (var (model, schema) in _schemas)
        {
            var column = 0;
            foreach (var feature in schema.Features)
            {
                if (string.Equals(feature.Name, name, StringComparison.Ordinal))
                {
                    if (feature.Width != 1)
                    {
                        throw new QueryException(at, $"'{name}' is an image: name a pixel as input[N]");
                    }

                    columns.Add((EventRows.Utf8(model), column));
                    categories = feature.Categories.Count > 0 ? [.. feature.Categories] : categories;
                }

                column += feature.Width;
            }
        }

        if (columns.Count == 0)
        {
            var known = _schemas.Values.SelectMany(s => s.Features.Select(f => f.Name)).Distinct().Order(StringComparer.Ordinal).ToList();
            throw new QueryException(at, $"no model's schema has an input '{name}'; {(known.Count == 0 ? "no schema is known, name a column as input[N]" : $"inputs are {string.Join(", ", known)}")}");
        }

        var found = columns.ToArray();
        return Number(
            (in EventView view, int row) =>
            {
                foreach (var (model, column) in found)
                {
                    if (view.Model.SequenceEqual(model))
                    {
                        return EventRows.Input(view, row, column);
                    }
                }

                return double.NaN;
            },
            true,
            token => token.Kind == QueryTokenKind.Text && categories.Count > 0
                ? categories.IndexOf(token.Text) is var index and >= 0 ? index : throw new QueryException(token.Column, $"'{name}' has no category \"{token.Text}\"")
                : Plain(token),
            categories.Count > 0 ? "a category in quotes or its number" : "a number");
    }

    private EventPredicate Number(NumberField field, bool perRow, Func<QueryToken, double?> read, string expected)
    {
        double Next() => Constant() is var token && read(token) is { } value ? value : throw new QueryException(token.Column, $"{expected} expected, found {token.Describe()}");

        EventPredicate Between(double low, double high, bool lowOpen = false, bool highOpen = false) => new EventPredicate.NumberIn(field, perRow, low, high, lowOpen, highOpen);

        var op = Current;
        _next++;
        switch (op)
        {
            case var _ when op.Is("==") || op.Is("="):
                var equal = Next();
                return Between(equal, equal);
            case var _ when op.Is("!="):
                var different = Next();
                return new EventPredicate.Not(Between(different, different));
            case var _ when op.Is("<"):
                return Between(double.NegativeInfinity, Next(), highOpen: true);
            case var _ when op.Is("<="):
                return Between(double.NegativeInfinity, Next());
            case var _ when op.Is(">"):
                return Between(Next(), double.PositiveInfinity, lowOpen: true);
            case var _ when op.Is(">="):
                return Between(Next(), double.PositiveInfinity);
            case var _ when op.IsWord("between"):
                var low = Next();
                if (!Current.IsWord("and"))
                {
                    throw new QueryException(Current.Column, $"'and' expected in between … and …, found {Current.Describe()}");
                }

                _next++;
                return Between(low, Next());
            case var _ when op.IsWord("in"):
                return new EventPredicate.Any([.. List(Next).Select(v => Between(v, v))]);
            default:
                throw new QueryException(op.Column, $"==, !=, <, <=, >, >=, between or in expected, found {op.Describe()}");
        }
    }

    private List<T> List<T>(Func<T> item)
    {
        Expect("(");
        var items = new List<T> { item() };
        while (Current.Is(","))
        {
            _next++;
            items.Add(item());
        }

        Expect(")");
        return items;
    }

    private byte[] TextConstant()
    {
        var token = Constant();
        return token.Kind == QueryTokenKind.Text ? EventRows.Utf8(token.Text) : throw new QueryException(token.Column, $"a text in quotes expected, found {token.Describe()}");
    }

    private QueryToken Constant()
    {
        var token = Current;
        if (token.Kind is QueryTokenKind.Text or QueryTokenKind.Number)
        {
            _next++;
            return token;
        }

        throw new QueryException(token.Column, $"a value expected, found {token.Describe()}{(token.Kind == QueryTokenKind.Word ? "; texts stand in quotes" : "")}");
    }

    private void Expect(string symbol)
    {
        if (!Current.Is(symbol))
        {
            throw new QueryException(Current.Column, $"'{symbol}' expected, found {Current.Describe()}");
        }

        _next++;
    }

    private static int IndexOf(IReadOnlyList<string> classes, string name)
    {
        for (var i = 0; i < classes.Count; i++)
        {
            if (string.Equals(classes[i], name, StringComparison.Ordinal))
            {
                return i;
            }
        }

        return -1;
    }

    private static double? Plain(QueryToken token) =>
        token.Kind == QueryTokenKind.Number && double.TryParse(token.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static double? Nanoseconds(QueryToken token) =>
        token.Kind == QueryTokenKind.Number && Duration.TryParse(token.Text, out var duration) ? duration.Ticks * 100.0 : null;

    private static double? Time(QueryToken token) => TimeText.TryParse(token.Text, out var time) ? time : null;
}
