using System.Buffers;
using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Statistics;

namespace Monitoring.Leakage;

/// <summary><c>membership</c>: see README.md beside this file.</summary>
internal sealed class MembershipKind(LoadedConfiguration configuration) : MonitorKind<MembershipOptions>
{
    private const byte Version = 1;

    /// <summary>A client that sends nothing but members must reach one in 10⁵ within this many records, or the kind says that it cannot detect.</summary>
    private const int Reach = 200;

    public override string Name => "membership";

    public override string Description => "A client asks about records of the training data, more often than honest clients do: a test of who was in it.";

    public override Family Family => Family.Leakage;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0024.000";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, MembershipOptions options, CancellationToken cancellationToken)
    {
        RecordHashes records;
        try
        {
            records = RecordHashes.Of(Read(configuration.Resolve(options.Training), context.Model), context.Model.Width, options.Decimals, context.Seed);
        }
        catch (Exception e) when (e is TableFormatException or InvalidDataException or IOException)
        {
            throw new FitException(e.Message);
        }

        var rows = context.Reference.All;
        var hits = new SortedDictionary<string, (long Hits, long Draws)>(StringComparer.Ordinal);
        for (var row = 0; row < rows.Count; row++)
        {
            var (hit, draws) = hits.GetValueOrDefault(rows.Rows[row].Client);
            hits[rows.Rows[row].Client] = (hit + (records.Contains(records.Hash(rows.Input(row))) ? 1 : 0), draws + 1);
        }

        double a, b;
        if (hits.Count >= 20)
        {
            (a, b) = BetaBinomialEvidence.Fit([.. hits.Values.Select(h => h.Hits)], [.. hits.Values.Select(h => h.Draws)]);
        }
        else
        {
            // Half a hit keeps the mean off 0.
            var mean = (hits.Values.Sum(h => h.Hits) + 0.5) / (rows.Count + 1);
            (a, b) = (mean * options.Concentration, (1 - mean) * options.Concentration);
            context.Warn(string.Create(CultureInfo.InvariantCulture, $"the reference names {hits.Count} clients, fewer than 20: how far honest clients differ is taken from 'concentration' ({options.Concentration})"));
        }

        var alternatives = MembershipMonitor.Alternatives(a / (a + b));
        var prober = new MemberClient();
        var needed = 0;
        while (needed < Reach && (needed == 0 || prober.LogEvidence < Math.Log(1e5)))
        {
            needed++;
            prober.Update(true, a, b, alternatives);
        }

        context.Warn(needed < Reach
            ? string.Create(CultureInfo.InvariantCulture, $"honest clients hit {a / (a + b):P2} of the time on average; a client that asks about members only is seen after {needed} records")
            : string.Create(CultureInfo.InvariantCulture, $"not detectable: honest clients own training data themselves (mean {a / (a + b):P1}, concentration {a + b:F1}), so that hits prove nothing"));

        var bytes = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(bytes);
        writer.WriteByte(Version);
        writer.WriteDouble(a);
        writer.WriteDouble(b);
        records.Write(writer);
        return ValueTask.FromResult(new FittedParameters(bytes.WrittenMemory));
    }

    /// <summary>Rows as the model takes them; arrays are laid out as its input is.</summary>
    private static float[] Read(string file, ModelDescription model)
    {
        if (!file.EndsWith(".npy", StringComparison.OrdinalIgnoreCase))
        {
            return TableEncoding.Encode(Table.Read(file), model.Schema, file);
        }

        var array = NpyFile.Read(file);
        return array.Width == model.Width
            ? InRange(array.Values, model.Schema.Image)
            : throw new InvalidDataException($"{file}: rows have {array.Width} values, model {model.Name} takes {model.Width}");
    }

    /// <summary>Images kept as bytes come to the range that the model takes: black to white.</summary>
    private static float[] InRange(float[] values, ImageLayout? image)
    {
        if (image is null || !(image.Maximum <= 2 && values.Length > 0 && values.Max() > 2 && values.Min() >= 0 && values.Max() <= 255))
        {
            return values;
        }

        return Array.ConvertAll(values, v => image.Minimum + (v / 255 * (image.Maximum - image.Minimum)));
    }

    protected override IMonitor Create(MonitorContext context, MembershipOptions options)
    {
        var reader = new CanonicalReader(context.Parameters.Span);
        if (reader.ReadByte() != Version)
        {
            throw new InvalidDataException("parameters of membership in an unknown version; fit again");
        }

        var (a, b) = (reader.ReadDouble(), reader.ReadDouble());
        var records = RecordHashes.Read(ref reader);
        reader.ExpectEnd();
        return new MembershipMonitor(records, a, b, options.Clients);
    }
}
