using System.Globalization;
using Monitoring.Detection;
using Monitoring.Hosting.Tables;

namespace Monitoring.Quality.Reporting;

/// <summary>
/// Two files as samples of one schema: roles of columns by their names, types by their cells. Columns called <c>label</c>, <c>target</c>, <c>y</c>, <c>y_true</c> or <c>truth</c> hold true labels;
/// <c>prediction</c>, <c>predicted</c>, <c>y_pred</c> predictions; <c>score</c>, <c>probability</c>, <c>proba</c>, <c>y_score</c> the positive's probability, <c>probability_CLASS</c> and
/// <c>proba_CLASS</c> that of a class. Times, columns of ever new texts and row numbers are not compared.
/// </summary>
internal sealed class ReportFiles
{
    private static readonly string[] s_labels = ["label", "target", "y", "y_true", "truth", "ground_truth"];
    private static readonly string[] s_predictions = ["prediction", "predicted", "y_pred", "predicted_class"];
    private static readonly string[] s_scores = ["score", "probability", "proba", "y_score", "y_proba"];
    private static readonly string[] s_prefixes = ["probability_", "proba_"];
    private readonly ReportColumns _names;

    private ReportFiles(ReportColumns names) => _names = names;

    public ModelSchema Schema { get; private set; } = new([]);

    public IReadOnlyList<string> Classes { get; private set; } = [];

    public List<string> Notes { get; } = [];

    public ReportSample Reference { get; private set; } = null!;

    public ReportSample Data { get; private set; } = null!;

    /// <summary>Reads both sides.</summary>
    /// <param name="reference">Reference file.</param>
    /// <param name="data">File to judge.</param>
    /// <param name="labels">Labels of the data; null: a column of it, or none.</param>
    /// <param name="referenceLabels">Labels of the reference; null: a column of it, or none.</param>
    /// <param name="schema">Names and types of the inputs; null: inferred from the reference.</param>
    /// <param name="columns">Roles that the user named.</param>
    /// <exception cref="TableFormatException">A file cannot be read, or the two do not fit together.</exception>
    public static ReportFiles Read(string reference, string data, string? labels, string? referenceLabels, ModelSchema? schema, ReportColumns columns)
    {
        var files = new ReportFiles(columns);
        Table left = Table.Read(reference), right = Table.Read(data);
        foreach (var (table, file) in new[] { (left, reference), (right, data) })
        {
            if (table.RowCount == 0)
            {
                throw new TableFormatException($"{file}: no rows");
            }
        }

        Table? leftLabels = referenceLabels is null ? null : Labels(referenceLabels, left, reference), rightLabels = labels is null ? null : Labels(labels, right, data);
        var isTable = schema?.Image is null;
        Table inputs = isTable ? files.Inputs(left, schema) : left, others = isTable ? files.Inputs(right, schema) : right;
        files.Schema = schema ?? TableEncoding.Schema(inputs);
        foreach (var (table, file) in new[] { (inputs, reference), (others, data) })
        {
            // An array has no names, so its width is all that can be checked; categories are codes already, as in an event.
            if ((IsArray(file) || files.Schema.Image is not null) && table.Columns.Count != files.Schema.Width)
            {
                throw new TableFormatException($"{file}: {table.Columns.Count} values a row where {(schema is null ? "the reference" : "the schema")} has {files.Schema.Width}");
            }
        }

        files.SetClasses(left, right, leftLabels, rightLabels, schema);
        files.Reference = files.Sample(left, inputs, leftLabels, reference);
        files.Data = files.Sample(right, others, rightLabels, data);
        return files;
    }

    private static bool IsArray(string file) => Path.GetExtension(file).Equals(".npy", StringComparison.OrdinalIgnoreCase);

    private static Table Labels(string file, Table rows, string of)
    {
        var table = Table.Read(file);
        return table.RowCount == rows.RowCount ? table : throw new TableFormatException($"{file}: {table.RowCount} labels for {rows.RowCount} rows of {of}");
    }

    /// <summary>The columns that are features of both kinds: what is no role, no time, no identifier.</summary>
    private Table Inputs(Table table, ModelSchema? schema)
    {
        if (schema is not null)
        {
            // The schema says what the inputs are; whatever else is there plays a role or none.
            var known = schema.Features.Select(f => table[f.Name]).ToList();
            return known.TrueForAll(c => c is not null) ? new Table(known!) : table;
        }

        var columns = new List<TableColumn>();
        foreach (var column in table.Columns.Where(c => !IsRole(c.Name)))
        {
            if (_names.Ignored.Contains(column.Name, StringComparer.Ordinal) || Schema.Features.Count > 0 && Schema.Features.All(f => f.Name != column.Name))
            {
                continue;
            }

            if (column.Texts is { } texts && texts.Where(t => t is not null).Take(20).ToList() is { Count: > 0 } some && some.TrueForAll(t => IsTime(t!)))
            {
                Note($"'{column.Name}' holds times: from {texts.Where(t => t is not null).Min(StringComparer.Ordinal)} to {texts.Where(t => t is not null).Max(StringComparer.Ordinal)}; not compared");
            }
            else if (column.Texts is { Length: >= 20 } words && words.Distinct(StringComparer.Ordinal).Count() > words.Length / 2)
            {
                Note($"'{column.Name}' holds an ever new text, an identifier as it seems; not compared");
            }
            else if (Schema.Features.Count == 0 && IsRowNumber(column))
            {
                Note($"'{column.Name}' holds an ever new whole number, a row number, time or identifier as it seems; not compared");
            }
            else
            {
                columns.Add(column);
            }
        }

        if (columns.Count == 0)
        {
            throw new TableFormatException("no column to compare is left beside labels, predictions, times and identifiers");
        }

        Schema = Schema.Features.Count > 0 ? Schema : new ModelSchema([.. columns.Select(c => new FeatureSchema(c.Name))]);
        return new Table(columns);
    }

    private void Note(string text)
    {
        if (!Notes.Contains(text, StringComparer.Ordinal))
        {
            Notes.Add(text);
        }
    }

    /// <summary>Whole numbers that never come twice and either rise with every row (counters, epochs) or are called an id: their distribution says where the file was cut, not what is in it.</summary>
    private static bool IsRowNumber(TableColumn column)
    {
        if (column.Numbers is not { Length: >= 20 } numbers || !numbers.All(double.IsInteger))
        {
            return false;
        }

        return IsIdName(column.Name) ? numbers.Distinct().Count() == numbers.Length : numbers.Zip(numbers.Skip(1)).All(pair => pair.First < pair.Second);
    }

    private static bool IsIdName(string name) =>
        name.Equals("id", StringComparison.OrdinalIgnoreCase) || name.EndsWith("_id", StringComparison.OrdinalIgnoreCase) || name.EndsWith("Id", StringComparison.Ordinal);

    private static bool IsTime(string text) =>
        text.Length >= 8 && !double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
        && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out _);

    private bool IsRole(string name) =>
        Is(name, _names.Label, s_labels) || Is(name, _names.Prediction, s_predictions) || Is(name, _names.Score, s_scores) || ClassOf(name) is not null;

    private static bool Is(string name, string? given, string[] usual) =>
        given is not null ? string.Equals(name, given, StringComparison.Ordinal) : usual.Contains(name, StringComparer.OrdinalIgnoreCase);

    private static string? ClassOf(string name) =>
        s_prefixes.Where(p => name.StartsWith(p, StringComparison.OrdinalIgnoreCase) && name.Length > p.Length).Select(p => name[p.Length..]).FirstOrDefault();

    private static TableColumn? Find(Table table, string? given, string[] usual, string option) =>
        given is not null ? table[given] ?? (option.Length == 0 ? null : throw new TableFormatException($"{option}: no column '{given}'")) : table.Columns.FirstOrDefault(c => usual.Contains(c.Name, StringComparer.OrdinalIgnoreCase));

    private TableColumn? Truth(Table table, Table? labels) =>
        labels is null ? Find(table, _names.Label, s_labels, "") : labels.Columns.Count == 1 ? labels.Columns[0]
            : Find(labels, _names.Label, s_labels, "--label") ?? throw new TableFormatException($"the file of labels has {labels.Columns.Count} columns and none called {string.Join(", ", s_labels)}");

    /// <summary>Names of the classes: of the model's schema, of the probability columns, or the texts of labels and predictions in ordinal order. Numbers are their own index.</summary>
    private void SetClasses(Table left, Table right, Table? leftLabels, Table? rightLabels, ModelSchema? schema)
    {
        if (schema is { Classes.Count: > 0 })
        {
            Classes = schema.Classes;
            return;
        }

        var named = left.Columns.Select(c => ClassOf(c.Name)).OfType<string>().ToList();
        if (named.Count > 1)
        {
            Classes = named;
            return;
        }

        TableColumn?[] columns = [Truth(left, leftLabels), Truth(right, rightLabels), Find(left, _names.Prediction, s_predictions, ""), Find(right, _names.Prediction, s_predictions, "")];
        Classes = [.. columns.SelectMany(c => c?.Texts ?? []).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    private ReportSample Sample(Table table, Table inputs, Table? labels, string file)
    {
        var rows = table.RowCount;
        var sample = new ReportSample(Path.GetFileName(file), IsArray(file) || Schema.Image is not null ? Flat(inputs, file) : TableEncoding.Encode(inputs, Schema, file), rows);
        var truth = Truth(table, labels);
        var prediction = Find(table, _names.Prediction, s_predictions, "");
        var score = Find(table, _names.Score, s_scores, "");
        var probabilities = table.Columns.Where(c => ClassOf(c.Name) is not null).ToList();
        double[]? actual = truth is null ? null : Codes(truth, file);
        if (probabilities.Count > 1)
        {
            var matrix = new float[rows * Classes.Count];
            foreach (var column in probabilities)
            {
                var at = Classes.ToList().IndexOf(ClassOf(column.Name)!);
                for (var r = 0; r < rows; r++)
                {
                    matrix[(r * Classes.Count) + at] = (float)Numbers(column, file)[r];
                }
            }

            return sample.WithProbabilities(matrix, Classes.Count) with { Truth = actual };
        }

        var isClassifier = Classes.Count > 0 || score is not null || (prediction is not null && IsCode(Numbers(prediction, file)) && (actual is null || IsCode(actual)));
        if (score is not null && isClassifier)
        {
            var positive = Numbers(score, file);
            if (positive.Any(p => p is < 0 or > 1))
            {
                throw new TableFormatException($"{file}: column '{score.Name}' is taken for the probability of the positive class and holds numbers outside of 0 to 1; name the columns with --score, --prediction and --label");
            }

            var matrix = new float[rows * 2];
            for (var r = 0; r < rows; r++)
            {
                (matrix[2 * r], matrix[(2 * r) + 1]) = ((float)(1 - positive[r]), (float)positive[r]);
            }

            sample = sample.WithProbabilities(matrix, 2);
        }

        if (prediction is null)
        {
            return sample with { Truth = actual };
        }

        return isClassifier
            ? sample with { Classes = [.. Codes(prediction, file).Select(c => double.IsFinite(c) ? (int)c : -1)], Truth = actual }
            : sample with { Values = Numbers(prediction, file), Truth = actual };
    }

    private static float[] Flat(Table table, string file)
    {
        var values = new float[(long)table.RowCount * table.Columns.Count];
        for (var c = 0; c < table.Columns.Count; c++)
        {
            var numbers = Numbers(table.Columns[c], file);
            for (var r = 0; r < numbers.Length; r++)
            {
                values[(r * table.Columns.Count) + c] = (float)numbers[r];
            }
        }

        return values;
    }

    private static bool IsCode(double[] values) => values.All(v => double.IsNaN(v) || (v >= 0 && v < 1000 && v == Math.Floor(v))) && values.Distinct().Count() <= 100;

    private static double[] Numbers(TableColumn column, string file) =>
        column.Numbers ?? throw new TableFormatException($"{file}: column '{column.Name}' holds texts where numbers are expected");

    private double[] Codes(TableColumn column, string file)
    {
        if (column.IsNumeric)
        {
            return column.Numbers!;
        }

        var codes = Classes.Select((c, i) => (c, i)).ToDictionary(x => x.c, x => (double)x.i, StringComparer.Ordinal);
        return [.. column.Texts!.Select(t => t is null ? double.NaN : codes.TryGetValue(t, out var code) ? code : throw new TableFormatException($"{file}: column '{column.Name}' holds '{t}'; the classes are {string.Join(", ", Classes.Take(20))}"))];
    }
}
