using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Drift;

/// <summary>
/// A kind that runs a classical sequential detector on every watched number. The detector is primed with the reference and restarted from there after a
/// crossing, so that a lasting change crosses again and again; its rate of crossings on clean data is measured when the profile is fitted.
/// </summary>
/// <typeparam name="TOptions">The kind's options.</typeparam>
public abstract class CrossingKind<TOptions> : MonitorKind<TOptions>, IPrefersOutputs
    where TOptions : CrossingOptions, new()
{
    private const byte Version = 1;
    private const int MinimumRows = 200;
    private const int MaximumStreams = 256;
    private const int AllLooks = 65_536;
    private const int MostLooks = 8_192;

    public override Family Family => Family.Drift;

    /// <summary>Losses and scores, where the model has any; else the inputs.</summary>
    public IReadOnlyList<string> PreferredRows { get; } = ["entropy", "outputs"];

    private protected abstract ISequentialDetector CreateDetector(TOptions options);

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, TOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        var columns = Columns(context.Model);
        if (columns.Count == 0)
        {
            throw new FitException($"{Name} watches numbers; model '{context.Model.Name}' has none here");
        }

        if (columns.Count > MaximumStreams)
        {
            throw new FitException($"{Name} watches at most {MaximumStreams} numbers, these are {columns.Count}: choose with 'on', for example a loss, a score or the entropy of the output");
        }

        var streams = new ArrayBufferWriter<byte>();
        var kept = 0;
        var fewest = int.MaxValue;
        var looks = Math.Clamp(AllLooks / columns.Count, 1_024, MostLooks);
        foreach (var (name, position) in columns)
        {
            cancellationToken.ThrowIfCancellationRequested();
            double[] known = [.. Values(context.Reference.Fit, position).Take(options.Memory)], clean = Values(context.Reference.Calibration, position);
            if (known.Length + clean.Length < MinimumRows || known.Length < 20 || clean.Length < 20)
            {
                fewest = Math.Min(fewest, known.Length + clean.Length);
                context.Warn(string.Create(CultureInfo.InvariantCulture, $"{name} has {known.Length + clean.Length} clean values, {MinimumRows} are needed: not watched"));
                continue;
            }

            var mean = known.Average();
            var deviation = Math.Sqrt(known.Sum(v => (v - mean) * (v - mean)) / known.Length);
            deviation = deviation > 0 && double.IsFinite(deviation) ? deviation : Math.Max(1, Math.Abs(mean));
            Standardise(known, mean, deviation);
            Standardise(clean, mean, deviation);
            var detector = CreateDetector(options);
            detector.Prime(known);
            var primed = new ArrayBufferWriter<byte>();
            detector.Save(new CanonicalWriter(primed));

            // Two standard errors of the difference between the two parts of the reference.
            var margin = 2 * Math.Sqrt((1.0 / known.Length) + (1.0 / clean.Length));
            var hazard = CrossingHazard.Measure(detector, primed.WrittenSpan, clean, margin, WatchedStream.Stride, looks, StableHash.Combine(context.Seed, (ulong)position));
            if (hazard[^1] > 0.2)
            {
                context.Warn(string.Create(CultureInfo.InvariantCulture, $"{name} crosses on clean data at up to {hazard[^1]:P0} of looks: only a large change can be proved"));
            }

            var writer = new CanonicalWriter(streams);
            writer.WriteCount(position);
            writer.WriteDoubles([mean, deviation, .. hazard]);
            writer.WriteBytes(primed.WrittenSpan);
            kept++;
        }

        if (kept == 0)
        {
            throw new FitException($"{Name} needs at least {MinimumRows} reference rows with a value, got {fewest}");
        }

        var output = new ArrayBufferWriter<byte>();
        new CanonicalWriter(output).WriteByte(Version);
        new CanonicalWriter(output).WriteCount(kept);
        output.Write(streams.WrittenSpan);
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

        var names = Columns(context.Model).ToDictionary(c => c.Position, c => c.Name);
        var streams = new List<WatchedStream>();
        for (var left = reader.ReadLength(3); left > 0; left--)
        {
            var position = checked((int)reader.ReadCount());
            var numbers = reader.ReadDoubles();
            var primed = reader.ReadBytes().ToArray();
            if (numbers.Length != 2 + CrossingHazard.Classes || !names.TryGetValue(position, out var name))
            {
                throw new InvalidDataException($"{Name}: parameters of another shape");
            }

            var detector = CreateDetector(options);
            CrossingHazard.Restart(detector, primed);
            streams.Add(new WatchedStream(name, position, numbers[0], numbers[1], primed, numbers[2..], detector));
        }

        reader.ExpectEnd();
        return new CrossingMonitor(streams);
    }

    private static List<(string Name, int Position)> Columns(ModelDescription model)
    {
        var columns = new List<(string, int)>();
        var position = 0;
        foreach (var feature in model.Schema.Features)
        {
            for (var w = 0; w < feature.Width; w++, position++)
            {
                if (feature.Type != FeatureType.Categorical)
                {
                    columns.Add((feature.Width == 1 ? feature.Name : string.Create(CultureInfo.InvariantCulture, $"{feature.Name}[{w}]"), position));
                }
            }
        }

        return columns;
    }

    private static double[] Values(RowBatch rows, int position)
    {
        var values = new List<double>();
        for (var r = 0; r < rows.Count; r++)
        {
            var value = rows.Input(r)[position];
            if (rows.Rows[r].Admitted && float.IsFinite(value))
            {
                values.Add(value);
            }
        }

        return [.. values];
    }

    private static void Standardise(double[] values, double mean, double deviation)
    {
        foreach (ref var value in values.AsSpan())
        {
            value = WatchedStream.Standardise(value, mean, deviation);
        }
    }
}
