using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>The frozen reference of a model version (RUNTIME 1 and 5). Immutable; its canonical bytes are hashed and the hash stands in every finding.</summary>
public sealed record Profile
{
    private const byte FormatVersion = 2;

    public required ModelDescription Model { get; init; }

    /// <summary>Where it came from, for people: <c>reference</c>, <c>traffic</c>, <c>incident 12</c>.</summary>
    public required string Origin { get; init; }

    /// <summary>Rows seen, and independent draws among them.</summary>
    public required int Rows { get; init; }

    public required int Draws { get; init; }

    /// <summary>Log time of the first and last row; 0 for files without times.</summary>
    public required long FromUnixNano { get; init; }

    public required long ToUnixNano { get; init; }

    /// <summary>Mean log time between draws, the unit of evidence; one second where unknown.</summary>
    public required long UnitNano { get; init; }

    /// <summary>Silence that ends a client's burst; 0 where draws were independent.</summary>
    public required long SessionGapNano { get; init; }

    /// <summary>Log time after which a client that never pauses gives another draw; 0: none before it pauses.</summary>
    public required long AutocorrelationNano { get; init; }

    public required SlotScheme Slots { get; init; }

    public required IReadOnlyList<MonitorProfile> Monitors { get; init; }

    /// <summary>What findings of drift need to say where a change is; null where none of the monitors looks for drift, or the model has no columns.</summary>
    public ChangeReference? Changes { get; init; }

    /// <summary>Lower-case hexadecimal SHA-256 of <see cref="ToBytes"/>.</summary>
    public string Sha256() => Convert.ToHexStringLower(SHA256.HashData(ToBytes()));

    /// <summary>Lower-case hexadecimal SHA-256 of what one monitor works with: its own part and how time and draws are counted. Stays the same where only other monitors were fitted anew.</summary>
    /// <exception cref="ArgumentException">The profile has no such monitor.</exception>
    public string Sha256Of(string monitor)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(buffer);
        WriteTimes(writer);
        WriteChanges(writer);
        Write(writer, Monitor(monitor) ?? throw new ArgumentException($"a profile without monitor {monitor}", nameof(monitor)));
        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }

    public MonitorProfile? Monitor(string name) => Monitors.FirstOrDefault(m => string.Equals(m.Name, name, StringComparison.Ordinal));

    /// <summary>Canonical bytes: equal profiles have equal bytes.</summary>
    public byte[] ToBytes()
    {
        var buffer = new ArrayBufferWriter<byte>();
        var writer = new CanonicalWriter(buffer);
        writer.WriteByte(FormatVersion);
        writer.WriteBytes(JsonSerializer.SerializeToUtf8Bytes(Model));
        writer.WriteBytes(Encoding.UTF8.GetBytes(Origin));
        writer.WriteCount(Rows);
        writer.WriteCount(Draws);
        writer.WriteSigned(FromUnixNano);
        writer.WriteSigned(ToUnixNano);
        WriteTimes(writer);
        WriteChanges(writer);
        writer.WriteCount(Monitors.Count);
        foreach (var monitor in Monitors)
        {
            Write(writer, monitor);
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads canonical bytes.</summary>
    /// <exception cref="InvalidDataException">Truncated, malformed, or of another format version.</exception>
    public static Profile FromBytes(ReadOnlySpan<byte> bytes)
    {
        var reader = new CanonicalReader(bytes);
        if (reader.ReadByte() is var version && version != FormatVersion)
        {
            throw new InvalidDataException($"a profile of format {version}; this build reads format {FormatVersion}");
        }

        ModelDescription model;
        try
        {
            model = JsonSerializer.Deserialize<ModelDescription>(reader.ReadBytes()) ?? throw new InvalidDataException("a profile without a model");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException("a profile's model cannot be read: " + e.Message, e);
        }

        var profile = new Profile
        {
            Model = model,
            Origin = Encoding.UTF8.GetString(reader.ReadBytes()),
            Rows = (int)reader.ReadCount(),
            Draws = (int)reader.ReadCount(),
            FromUnixNano = reader.ReadSigned(),
            ToUnixNano = reader.ReadSigned(),
            UnitNano = reader.ReadCount(),
            SessionGapNano = reader.ReadCount(),
            AutocorrelationNano = reader.ReadCount(),
            Slots = (SlotScheme)reader.ReadByte(),
            Changes = reader.ReadByte() == 1 ? ChangeReference.Read(ref reader) : null,
            Monitors = ReadMonitors(ref reader),
        };
        reader.ExpectEnd();
        if (profile.Changes is { } changes && changes.Features.Any(f => f >= model.Schema.Features.Count))
        {
            throw new InvalidDataException("a profile that knows more columns than its model");
        }

        return Enum.IsDefined(profile.Slots) && profile.UnitNano > 0 ? profile : throw new InvalidDataException("a profile with an unknown slot rule or no unit of time");
    }

    private void WriteTimes(CanonicalWriter writer)
    {
        writer.WriteCount(UnitNano);
        writer.WriteCount(SessionGapNano);
        writer.WriteCount(AutocorrelationNano);
        writer.WriteByte((byte)Slots);
    }

    private void WriteChanges(CanonicalWriter writer)
    {
        writer.WriteByte(Changes is null ? (byte)0 : (byte)1);
        Changes?.Save(writer);
    }

    private static void Write(CanonicalWriter writer, MonitorProfile monitor)
    {
        writer.WriteBytes(Encoding.UTF8.GetBytes(monitor.Name));
        writer.WriteBytes(Encoding.UTF8.GetBytes(monitor.Kind));
        writer.WriteBytes(Encoding.UTF8.GetBytes(monitor.Options));
        writer.WriteBytes(monitor.Parameters.Span);
        writer.WriteBytes(Encoding.UTF8.GetBytes(monitor.Uncalibrated));
        writer.WriteCount(monitor.Variables.Count);
        foreach (var variable in monitor.Variables)
        {
            writer.WriteBytes(Encoding.UTF8.GetBytes(variable.Name));
            writer.WriteByte(variable.Reference is null ? (byte)0 : (byte)1);
            variable.Reference?.Save(writer);
            writer.WriteCount(variable.Count);
            writer.WriteDouble(variable.Mean);
            writer.WriteDouble(variable.StandardDeviation);
            writer.WriteDoubles([.. variable.Quantiles]);
            writer.WriteDouble(variable.Concentration ?? double.NaN);
            writer.WriteDouble(variable.LevelFactor);
        }
    }

    private static MonitorProfile[] ReadMonitors(ref CanonicalReader reader)
    {
        var monitors = new MonitorProfile[reader.ReadLength(4)];
        for (var i = 0; i < monitors.Length; i++)
        {
            var name = Encoding.UTF8.GetString(reader.ReadBytes());
            var kind = Encoding.UTF8.GetString(reader.ReadBytes());
            var options = Encoding.UTF8.GetString(reader.ReadBytes());
            var parameters = reader.ReadBytes().ToArray();
            var uncalibrated = Encoding.UTF8.GetString(reader.ReadBytes());
            var variables = new VariableProfile[reader.ReadLength(4)];
            for (var v = 0; v < variables.Length; v++)
            {
                var variable = Encoding.UTF8.GetString(reader.ReadBytes());
                var reference = reader.ReadByte() == 1 ? StreamReference.Read(ref reader) : null;
                var count = (int)reader.ReadCount();
                var mean = reader.ReadDouble();
                var deviation = reader.ReadDouble();
                var quantiles = reader.ReadDoubles();
                var concentration = reader.ReadDouble();
                variables[v] = new VariableProfile(variable, reference, count, mean, deviation, quantiles, double.IsNaN(concentration) ? null : concentration, reader.ReadDouble());
            }

            monitors[i] = new MonitorProfile(name, kind, options, parameters, variables, uncalibrated);
        }

        return monitors;
    }
}
