namespace Monitoring.Statistics;

/// <summary>The slots a fit chose, and why.</summary>
/// <param name="Scheme">The finest scheme whose slots differ and are filled.</param>
/// <param name="PDay">p-value of "the hours of the day do not differ".</param>
/// <param name="PWeek">p-value of "within four hours of the day, the weekdays do not differ".</param>
/// <param name="TooThin">Slots differ, but the finer scheme could not be used because a slot that occurs has fewer than <see cref="StreamReference.MinimumValues"/> values: the monitor is uncalibrated until it has more.</param>
public sealed record SlotChoice(SlotScheme Scheme, double PDay, double PWeek, bool TooThin)
{
    /// <summary>Slots differ below this p-value.</summary>
    public const double Significance = 1e-3;

    private const int Bins = 8;
    private const long HourMs = 3_600_000;

    /// <summary>Weekdays are compared within blocks of four hours, so that a week is noticed before its 168 hours are filled.</summary>
    private const int HoursPerBlock = 4;

    /// <summary>1970-01-01 was a Thursday: Monday 00:00 is 3 days before.</summary>
    private const long MondayOffsetMs = 3 * 24 * HourMs;

    /// <summary>Number of slots of a scheme.</summary>
    public static int Count(SlotScheme scheme) => scheme switch
    {
        SlotScheme.None => 1,
        SlotScheme.HourOfDay => 24,
        SlotScheme.HourOfWeek => 168,
        _ => throw new ArgumentOutOfRangeException(nameof(scheme), scheme, "unknown scheme"),
    };

    /// <summary>The slot of a moment.</summary>
    /// <param name="scheme">The scheme.</param>
    /// <param name="unixMilliseconds">Log time in milliseconds since 1970-01-01 UTC.</param>
    public static int SlotOf(SlotScheme scheme, long unixMilliseconds)
    {
        var count = Count(scheme);
        var hours = Math.DivRem(unixMilliseconds + MondayOffsetMs, HourMs, out var rest);
        hours -= rest < 0 ? 1 : 0;
        return (int)(((hours % count) + count) % count);
    }

    /// <summary>Chooses slots for one stream: chi-square homogeneity of slot × bin tables (8 bins of equal mass, or categories).</summary>
    /// <param name="values">Clean admitted draws; NaN is left out.</param>
    /// <param name="unixMilliseconds">Log time of every draw.</param>
    /// <param name="kind">Numeric or categorical.</param>
    public static SlotChoice Fit(ReadOnlySpan<double> values, ReadOnlySpan<long> unixMilliseconds, StreamKind kind)
    {
        if (values.Length != unixMilliseconds.Length)
        {
            throw new ArgumentException($"{unixMilliseconds.Length} times for {values.Length} values", nameof(unixMilliseconds));
        }

        var pooled = kind == StreamKind.Numeric ? StreamReference.Numeric(values) : StreamReference.Categorical(values);
        var partition = pooled.Partitions.Last(p => p.Target <= Bins);
        var table = new long[168, partition.Bins];
        for (var i = 0; i < values.Length; i++)
        {
            if (!double.IsNaN(values[i]))
            {
                table[SlotOf(SlotScheme.HourOfWeek, unixMilliseconds[i]), partition.BinOf(values[i] + 0.0, Mixing.Mix((ulong)i), 0)]++;
            }
        }

        var byHour = new long[24, partition.Bins];
        var thinWeek = false;
        double weekStatistic = 0;
        var weekFreedom = 0;
        for (var block = 0; block < 24; block += HoursPerBlock)
        {
            var week = new long[7, partition.Bins];
            for (var day = 0; day < 7; day++)
            {
                for (var hour = block; hour < block + HoursPerBlock; hour++)
                {
                    long inSlot = 0;
                    for (var bin = 0; bin < partition.Bins; bin++)
                    {
                        var count = table[(day * 24) + hour, bin];
                        week[day, bin] += count;
                        byHour[hour, bin] += count;
                        inSlot += count;
                    }

                    thinWeek |= inSlot is > 0 and < StreamReference.MinimumValues;
                }
            }

            var (statistic, freedom) = ChiSquare(week);
            weekStatistic += statistic;
            weekFreedom += freedom;
        }

        var thinDay = false;
        for (var hour = 0; hour < 24; hour++)
        {
            long inSlot = 0;
            for (var bin = 0; bin < partition.Bins; bin++)
            {
                inSlot += byHour[hour, bin];
            }

            thinDay |= inSlot is > 0 and < StreamReference.MinimumValues;
        }

        var (dayStatistic, dayFreedom) = ChiSquare(byHour);
        var pDay = PValue(dayStatistic, dayFreedom);
        var pWeek = PValue(weekStatistic, weekFreedom);
        var scheme = pWeek < Significance && !thinWeek ? SlotScheme.HourOfWeek
            : pDay < Significance && !thinDay ? SlotScheme.HourOfDay
            : SlotScheme.None;
        var wanted = pWeek < Significance ? SlotScheme.HourOfWeek : pDay < Significance ? SlotScheme.HourOfDay : SlotScheme.None;
        return new SlotChoice(scheme, pDay, pWeek, scheme != wanted);
    }

    /// <summary>Pearson's statistic of homogeneity; rows with fewer than 5 expected in the average cell are left out.</summary>
    private static (double Statistic, int Freedom) ChiSquare(long[,] table)
    {
        var columns = table.GetLength(1);
        var rows = Enumerable.Range(0, table.GetLength(0))
            .Where(r => Enumerable.Range(0, columns).Sum(c => table[r, c]) >= 5L * columns).ToArray();
        var columnSums = new double[columns];
        foreach (var row in rows)
        {
            for (var c = 0; c < columns; c++)
            {
                columnSums[c] += table[row, c];
            }
        }

        var total = columnSums.Sum();
        var used = columnSums.Count(s => s > 0);
        if (rows.Length < 2 || used < 2)
        {
            return (0, 0);
        }

        var statistic = 0.0;
        foreach (var row in rows)
        {
            var rowSum = 0.0;
            for (var c = 0; c < columns; c++)
            {
                rowSum += table[row, c];
            }

            for (var c = 0; c < columns; c++)
            {
                if (columnSums[c] > 0)
                {
                    var expected = rowSum * columnSums[c] / total;
                    statistic += (table[row, c] - expected) * (table[row, c] - expected) / expected;
                }
            }
        }

        return (statistic, (rows.Length - 1) * (used - 1));
    }

    private static double PValue(double statistic, int freedom) => freedom == 0 ? 1 : SpecialFunctions.ChiSquareUpperTail(statistic, freedom);
}
