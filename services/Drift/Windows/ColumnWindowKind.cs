using System.Buffers;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>A kind that tests windows column by column against the reference.</summary>
/// <typeparam name="TOptions">The kind's options.</typeparam>
public abstract class ColumnWindowKind<TOptions> : MonitorKind<TOptions>
    where TOptions : WindowTestOptions, new()
{
    private const byte Version = 1;
    private const int MinimumRows = 50;

    // 64 MiB of single-precision numbers a profile.
    private const long MaximumValues = 16L << 20;

    public override Family Family => Family.Drift;

    /// <summary>Name of the statistic in findings.</summary>
    private protected abstract string Statistic { get; }

    /// <summary>Whether the test applies to categories; numbers and categories differ for most.</summary>
    private protected abstract bool Applies(FeatureSchema feature);

    /// <summary>Tests one column of a window.</summary>
    private protected abstract TestResult Test(ReferenceColumn reference, double[] window, TOptions options, ulong seed);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var all = context.Reference.All;
        if (!context.Model.Schema.Features.Any(Applies))
        {
            throw new FitException($"{Name}: no column of model '{context.Model.Name}' is of a type that it tests");
        }

        var limit = (int)Math.Clamp(MaximumValues / Math.Max(1, all.Width), MinimumRows, options.MaximumReference);
        var admitted = Enumerable.Range(0, all.Count).Where(i => all.Rows[i].Admitted);
        int[] keep = [.. admitted.OrderBy(i => StableHash.Combine(all.Rows[i].EventHash, context.Seed)).Take(limit).Order()];
        if (keep.Length < MinimumRows)
        {
            throw new FitException($"{Name} needs at least {MinimumRows} reference rows, got {keep.Length}");
        }

        var output = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(output);
        writer.WriteByte(Version);
        writer.WriteBytes(MemoryMarshal.AsBytes(all.Select(keep).Inputs.Span));
        return ValueTask.FromResult(new FittedParameters(output.WrittenMemory.ToArray()));
    }

    protected override IMonitor Create(MonitorContext context, TOptions options)
    {
        ArgumentNullException.ThrowIfNull(context);
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException($"{Name}: parameters of an unknown version");
        }

        var values = MemoryMarshal.Cast<byte, float>(reader.ReadBytes());
        reader.ExpectEnd();
        var width = context.Model.Width;
        var columns = new List<(int, ReferenceColumn)>();
        var position = 0;
        var column = new double[values.Length / width];
        foreach (var feature in context.Model.Schema.Features)
        {
            for (var w = 0; w < feature.Width; w++, position++)
            {
                if (!Applies(feature))
                {
                    continue;
                }

                for (var r = 0; r < column.Length; r++)
                {
                    column[r] = values[(r * width) + position];
                }

                var name = feature.Width == 1 ? feature.Name : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{feature.Name}[{w}]");
                columns.Add((position, new ReferenceColumn(name, column, feature.Type == FeatureType.Categorical ? Math.Max(1, feature.Categories.Count) : 0)));
            }
        }

        return new ColumnWindowMonitor(columns, options.Window, options.Tolerance, Statistic, (reference, window) => Test(reference, window, options, context.Seed));
    }
}
