using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// What a profile keeps to say of a change which columns carry it and what it does to the model: columns cut into cells, a sample of reference rows in these cells, and for a model that could be asked
/// its sensitivity, the mean change of the answer when reference rows of one cell are moved into another. Frozen with the profile, so that a finding asks nobody.
/// </summary>
public sealed class ChangeReference
{
    /// <summary>Columns beyond these are not looked at.</summary>
    public const int MostColumns = 256;

    private const int NumberCells = 8;
    private const int MostCategories = 12;
    private const int FewestRows = 50;
    private const int MostRows = 512;

    /// <summary>Reference rows that go through the model, and rows that it is asked in all.</summary>
    private const int MostAskedRows = 128;
    private const int FewestAskedRows = 16;
    private const int MostQuestions = 50_000;

    private ChangeReference(IReadOnlyList<int> features, IReadOnlyList<CellColumn> columns, ReadOnlyMemory<byte> rows, IReadOnlyList<double[]?> moves)
    {
        Features = features;
        Columns = columns;
        Rows = rows;
        Moves = moves;
    }

    /// <summary>Index in the schema of each column; sensitive ones are not among them.</summary>
    public IReadOnlyList<int> Features { get; }

    public IReadOnlyList<CellColumn> Columns { get; }

    /// <summary>Cells of the reference rows, rows × columns.</summary>
    public ReadOnlyMemory<byte> Rows { get; }

    public int Count => Rows.Length / Features.Count;

    /// <summary>Per column cells × cells: mean change of the answer from one cell to another. Null where the model could not be asked.</summary>
    public IReadOnlyList<double[]?> Moves { get; }

    /// <summary>Freezes a reference. The same arguments give the same.</summary>
    /// <param name="reference">Clean rows.</param>
    /// <param name="admitted">Event hashes of the independent draws among them.</param>
    /// <param name="answers">Asks the model; null where there is none.</param>
    /// <param name="warn">Told why a model could not be asked.</param>
    /// <returns>Null for images, for models without columns that may be named, and for fewer than 50 draws.</returns>
    public static ChangeReference? Fit(RowBatch reference, IReadOnlySet<ulong> admitted, ModelAnswers? answers, Action<string> warn)
    {
        var schema = reference.Model.Schema;
        int[] features = schema.Features.Any(f => f.Width != 1) ? [] : [.. Enumerable.Range(0, schema.Features.Count).Where(f => !schema.Features[f].Sensitive).Take(MostColumns)];
        int[] draws = [.. Enumerable.Range(0, reference.Count).Where(r => admitted.Contains(reference.Rows[r].EventHash))];
        if (features.Length == 0 || draws.Length < FewestRows)
        {
            return null;
        }

        var columns = new CellColumn[features.Length];
        var values = new double[draws.Length];
        for (var c = 0; c < columns.Length; c++)
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = reference.Input(draws[i])[features[c]];
            }

            columns[c] = schema.Features[features[c]].Type == FeatureType.Categorical ? CellColumn.Categorical(values, MostCategories) : CellColumn.Numeric(values, NumberCells);
        }

        int[] kept = [.. draws.OrderBy(r => StableHash.Combine(reference.Rows[r].EventHash, 3)).ThenBy(r => r).Take(MostRows)];
        var rows = new byte[kept.Length * features.Length];
        for (var i = 0; i < kept.Length; i++)
        {
            Encode(features, columns, reference.Input(kept[i]), rows.AsSpan(i * features.Length, features.Length));
        }

        double[]?[] moves = new double[features.Length][];
        try
        {
            moves = answers is null ? moves : Ask(reference, draws, kept, features, columns, rows, answers) ?? moves;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            warn($"the model could not be asked how sensitive it is, so findings tell no impact: {e.Message}");
        }

        return new ChangeReference(features, columns, rows, moves);
    }

    /// <summary>Cells of a row's columns.</summary>
    public void Encode(ReadOnlySpan<float> row, Span<byte> cells)
    {
        for (var c = 0; c < cells.Length; c++)
        {
            cells[c] = (byte)Columns[c].CellOf(row[Features[c]]);
        }
    }

    /// <summary>
    /// Mean change of the answer when the reference moves as little as it takes to have other shares of cells: numbers by their order (the monotone coupling), categories by keeping what both sides share.
    /// NaN where the model could not be asked. Missing values and new categories move nothing: what a model makes of them was not asked.
    /// </summary>
    public double Impact(int column, ReadOnlySpan<double> referenceShares, ReadOnlySpan<double> dataShares)
    {
        if (Moves[column] is not { } moves)
        {
            return double.NaN;
        }

        var cells = Columns[column].Count;
        var known = Known(Columns[column]);
        double[] from = Normalised(referenceShares[..known]), to = Normalised(dataShares[..known]);
        var impact = 0.0;
        if (Columns[column].IsCategorical)
        {
            var gained = 0.0;
            for (var c = 0; c < known; c++)
            {
                gained += Math.Max(0, to[c] - from[c]);
            }

            for (var a = 0; a < known && gained > 0; a++)
            {
                for (var b = 0; b < known; b++)
                {
                    impact += Math.Max(0, from[a] - to[a]) * Math.Max(0, to[b] - from[b]) / gained * moves[(a * cells) + b];
                }
            }

            return impact;
        }

        for (int a = 0, b = 0; a < known && b < known;)
        {
            var mass = Math.Min(from[a], to[b]);
            impact += mass * moves[(a * cells) + b];
            from[a] -= mass;
            to[b] -= mass;

            // The smaller of the two is used up to the last bit.
            if (from[a] <= to[b])
            {
                a++;
            }
            else
            {
                b++;
            }
        }

        return impact;
    }

    /// <summary>Of columns alone: for another version of the model. Shares the rest, which is frozen.</summary>
    public ChangeReference WithoutMoves() => new(Features, Columns, Rows, new double[Features.Count][]);

    internal void Save(CanonicalWriter writer)
    {
        writer.WriteCount(Features.Count);
        for (var c = 0; c < Features.Count; c++)
        {
            writer.WriteCount(Features[c]);
            writer.WriteByte(Columns[c].IsCategorical ? (byte)1 : (byte)0);
            writer.WriteDoubles(Columns[c].IsCategorical ? [.. Columns[c].Codes.ToArray().Select(code => (double)code)] : Columns[c].Edges);
            writer.WriteDoubles(Moves[c]);
        }

        writer.WriteBytes(Rows.Span);
    }

    /// <exception cref="InvalidDataException">Malformed.</exception>
    internal static ChangeReference Read(ref CanonicalReader reader)
    {
        var count = reader.ReadLength(4);
        var features = new int[count];
        var columns = new CellColumn[count];
        var moves = new double[]?[count];
        for (var c = 0; c < count; c++)
        {
            features[c] = checked((int)reader.ReadCount());
            var categorical = reader.ReadByte() == 1;
            var cuts = reader.ReadDoubles();
            columns[c] = categorical ? CellColumn.FromCodes([.. cuts.Select(code => checked((int)code))]) : CellColumn.FromEdges(cuts);
            moves[c] = reader.ReadDoubles() is { Length: > 0 } known ? known : null;
            if (columns[c].Count > byte.MaxValue || (moves[c] is { } asked && asked.Length != columns[c].Count * columns[c].Count))
            {
                throw new InvalidDataException("a profile whose cells do not fit each other");
            }
        }

        var rows = reader.ReadBytes().ToArray();
        if (count == 0 || rows.Length == 0 || rows.Length % count != 0 || rows.Where((cell, i) => cell >= columns[i % count].Count).Any())
        {
            throw new InvalidDataException("a profile whose reference rows do not fit its cells");
        }

        return new ChangeReference(features, columns, rows, moves);
    }

    private static void Encode(int[] features, CellColumn[] columns, ReadOnlySpan<float> row, Span<byte> cells)
    {
        for (var c = 0; c < cells.Length; c++)
        {
            cells[c] = (byte)columns[c].CellOf(row[features[c]]);
        }
    }

    /// <summary>Cells whose values the model can be asked about: neither missing nor other categories.</summary>
    private static int Known(CellColumn column) => column.IsCategorical ? column.Codes.Length : column.Missing;

    private static double[] Normalised(ReadOnlySpan<double> shares)
    {
        var result = shares.ToArray();
        var sum = 0.0;
        foreach (var share in result)
        {
            sum += share;
        }

        for (var i = 0; i < result.Length; i++)
        {
            result[i] = sum > 0 ? result[i] / sum : 0;
        }

        return result;
    }

    /// <summary>Null where the model is not at hand, or gives neither probabilities nor a number.</summary>
    private static double[][]? Ask(RowBatch reference, int[] draws, int[] kept, int[] features, CellColumn[] columns, byte[] cells, ModelAnswers answers)
    {
        var model = reference.Model;
        var output = model.IndexOf(OutputRole.Probabilities) is >= 0 and var p ? p : model.IndexOf(OutputRole.Regression);
        if (output < 0)
        {
            return null;
        }

        var asked = Math.Min(kept.Length, Math.Clamp(MostQuestions / Math.Max(1, columns.Sum(Known)), FewestAskedRows, MostAskedRows));
        var typical = columns.Select((column, c) => Typical(reference, draws, features[c], column)).ToArray();
        var width = model.Width;
        var questions = new List<(int Column, int Row, int Cell)>();
        for (var c = 0; c < columns.Length; c++)
        {
            for (var i = 0; i < asked; i++)
            {
                // A row without a value stays without: there is nothing to move.
                for (var cell = 0; cells[(i * columns.Length) + c] < Known(columns[c]) && cell < Known(columns[c]); cell++)
                {
                    questions.Add((c, i, cell));
                }
            }
        }

        // The moved rows, and behind them the rows as they are: theirs is the unit.
        var inputs = new float[(questions.Count + asked) * width];
        for (var q = 0; q < questions.Count; q++)
        {
            var (column, row, cell) = questions[q];
            reference.Input(kept[row]).CopyTo(inputs.AsSpan(q * width, width));
            inputs[(q * width) + features[column]] = typical[column][cell];
        }

        for (var i = 0; i < asked; i++)
        {
            reference.Input(kept[i]).CopyTo(inputs.AsSpan((questions.Count + i) * width, width));
        }

        if (questions.Count == 0 || answers(model, inputs, questions.Count + asked) is not { } all)
        {
            return null;
        }

        var said = all[output];
        var outputs = said.Length / (questions.Count + asked);
        var unit = AnswerUnit.Of(model.Outputs[output].Role == OutputRole.Probabilities, outputs, said.AsSpan(questions.Count * outputs));
        var moves = columns.Select(c => new double[c.Count * c.Count]).ToArray();
        for (var c = 0; c < columns.Length; c++)
        {
            int known = Known(columns[c]), size = columns[c].Count;
            var rows = new double[known];
            var anywhere = new double[known * known];
            var first = questions.FindIndex(q => q.Column == c);
            for (var q = first; q >= 0 && q < questions.Count && questions[q].Column == c; q += known)
            {
                var own = cells[(questions[q].Row * columns.Length) + c];
                rows[own]++;
                for (var a = 0; a < known; a++)
                {
                    for (var b = 0; b < known; b++)
                    {
                        var change = 0.0;
                        for (var o = 0; o < outputs; o++)
                        {
                            change += Math.Abs(said[((q + b) * outputs) + o] - said[((q + a) * outputs) + o]);
                        }

                        change = double.IsFinite(change) ? change / unit : 0;
                        anywhere[(a * known) + b] += change;
                        if (a == own)
                        {
                            moves[c][(a * size) + b] += change;
                        }
                    }
                }
            }

            // A cell that none of the asked rows lay in: as rows of the other cells would move from there.
            for (var a = 0; a < known; a++)
            {
                for (var b = 0; b < known; b++)
                {
                    moves[c][(a * size) + b] = rows[a] > 0 ? moves[c][(a * size) + b] / rows[a] : anywhere[(a * known) + b] / Math.Max(1, rows.Sum());
                }
            }
        }

        return moves;
    }

    /// <summary>The middle one of the reference values of every cell: a value that there is.</summary>
    private static float[] Typical(RowBatch reference, int[] draws, int feature, CellColumn column)
    {
        var values = draws.Select(r => reference.Input(r)[feature]).Where(float.IsFinite).Order().ToLookup(v => column.CellOf(v));
        var typical = new float[Known(column)];
        for (var cell = 0; cell < typical.Length; cell++)
        {
            float[] own = [.. values[cell]];

            // Only the cell above the greatest reference value can be empty.
            typical[cell] = own.Length > 0 ? own[own.Length / 2] : column.IsCategorical ? column.Codes[cell] : column.Edges.Length > 0 ? (float)column.Edges[^1] : 0;
        }

        return typical;
    }
}
