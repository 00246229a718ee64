namespace Monitoring.Detection;

/// <summary>
/// Clean traffic (or held-out data) that a profile is fitted on. It must come from the very population of the stream and be held out from
/// the model's training: the guarantee rests on it.
/// </summary>
public sealed class ReferenceData
{
    private readonly IReadOnlyDictionary<string, RowBatch> _additional;

    private ReferenceData(RowBatch all, int[] fitRows, int[] calibrationRows, float[]? labels, IReadOnlyDictionary<string, RowBatch> additional)
    {
        All = all;
        FitRows = fitRows;
        CalibrationRows = calibrationRows;
        Fit = all.Select(fitRows);
        Calibration = all.Select(calibrationRows);
        Labels = labels;
        _additional = additional;
    }

    /// <summary>All rows in log order. Kinds that calibrate by leave-one-out use it, and say so with <see cref="FittedParameters.Calibration"/>.</summary>
    public RowBatch All { get; }

    /// <summary>Rows to fit parameters on.</summary>
    public RowBatch Fit { get; }

    /// <summary>Rows held out from fitting: the runtime calibrates the monitor's variables on them.</summary>
    public RowBatch Calibration { get; }

    /// <summary>Indices of <see cref="Fit"/> in <see cref="All"/>.</summary>
    public IReadOnlyList<int> FitRows { get; }

    /// <summary>Indices of <see cref="Calibration"/> in <see cref="All"/>.</summary>
    public IReadOnlyList<int> CalibrationRows { get; }

    /// <summary>True label (class index or number) per row of <see cref="All"/>; null when unknown.</summary>
    public float[]? Labels { get; }

    /// <summary>True when rows name their clients.</summary>
    public bool HasClients => All.Count > 0 && All.Rows.ToArray().Any(r => r.Client.Length > 0);

    /// <summary>True when rows carry log time that spans more than one instant.</summary>
    public bool HasTimes => All.Count > 1 && All.Rows[0].TimeUnixNano != All.Rows[^1].TimeUnixNano;

    /// <summary>Further data sets given by name, for example <c>training</c> for leakage monitors; null when absent.</summary>
    public RowBatch? Additional(string name) => _additional.GetValueOrDefault(name);

    /// <summary>
    /// Splits by a hash of the event (all rows of an event on one side), so that the split does not depend on order or time.
    /// </summary>
    /// <param name="all">Rows in log order.</param>
    /// <param name="fitShare">Share of events used for fitting, 0 &lt; share &lt; 1.</param>
    /// <param name="seed">Seed of the split.</param>
    /// <param name="labels">True label per row.</param>
    /// <param name="additional">Further data sets by name.</param>
    public static ReferenceData Split(RowBatch all, double fitShare = 0.5, ulong seed = 0, float[]? labels = null, IReadOnlyDictionary<string, RowBatch>? additional = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fitShare);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(fitShare, 1);
        if (labels is not null && labels.Length != all.Count)
        {
            throw new ArgumentException($"{all.Count} rows need {all.Count} labels, not {labels.Length}", nameof(labels));
        }

        var fit = new List<int>(all.Count);
        var calibration = new List<int>(all.Count);
        for (var row = 0; row < all.Count; row++)
        {
            var hash = StableHash.Of(all.Rows[row].EventId, seed);
            (StableHash.ToUnit(hash) < fitShare ? fit : calibration).Add(row);
        }

        return new ReferenceData(all, [.. fit], [.. calibration], labels, additional ?? new Dictionary<string, RowBatch>(StringComparer.Ordinal));
    }

    /// <summary>The same rows, seen otherwise; the split stays.</summary>
    /// <param name="all">As many rows as <see cref="All"/>, in its order.</param>
    public ReferenceData With(RowBatch all)
    {
        ArgumentNullException.ThrowIfNull(all);
        return all.Count == All.Count
            ? new ReferenceData(all, [.. FitRows], [.. CalibrationRows], Labels, _additional)
            : throw new ArgumentException($"{all.Count} rows in place of {All.Count}", nameof(all));
    }

    /// <summary>Some of the rows, in the order of <see cref="All"/>; each stays on its side of the split.</summary>
    public ReferenceData Select(IReadOnlyList<int> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var position = new Dictionary<int, int>();
        for (var i = 0; i < rows.Count; i++)
        {
            position.Add(rows[i], i);
        }

        return new ReferenceData(
            All.Select(rows),
            [.. FitRows.Where(position.ContainsKey).Select(r => position[r])],
            [.. CalibrationRows.Where(position.ContainsKey).Select(r => position[r])],
            Labels is null ? null : [.. rows.Select(r => Labels[r])],
            _additional);
    }

    /// <summary>
    /// Reference data from a matrix, as <c>fit</c> and <c>backtest</c> read it from files: ids <c>row-0</c>, <c>row-1</c>, …; times
    /// where given.
    /// </summary>
    public static RowBatch FromMatrix(ModelDescription model, float[] inputs, int rows, float[][]? outputs = null, IReadOnlyList<string>? clients = null, IReadOnlyList<long>? timesUnixNano = null)
    {
        var infos = new RowInfo[rows];
        for (var row = 0; row < rows; row++)
        {
            var id = "row-" + row.ToString(System.Globalization.CultureInfo.InvariantCulture);
            infos[row] = new RowInfo(
                id,
                StableHash.Of(id, 0),
                StableHash.Of(inputs.AsSpan(row * model.Width, model.Width)),
                clients?[row] ?? "",
                timesUnixNano?[row] ?? 0,
                row,
                0,
                row,
                Admitted: true);
        }

        var none = new float[model.Outputs.Count][];
        Array.Fill(none, []);
        return new RowBatch(model, inputs, outputs ?? none, infos, []);
    }
}
