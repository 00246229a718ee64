using Google.Protobuf;
using Monitoring.Contracts;

namespace Monitoring.Contracts.Tests;

/// <summary>The wire form is permanent: other languages write it and old logs hold it. A changed number, type or meaning of a field shows here.</summary>
public sealed class GoldenBytesTests
{
    public static TheoryData<string, IMessage, string> Messages => new()
    {
        { "inference", Inference(), File("inference") },
        { "finding", Finding(), File("finding") },
        { "explanation", Explanation(), File("explanation") },
        { "feedback", new Feedback { Id = "f-1", TimeUnixNano = 5, Model = "digits", EventId = "e-1", RequestId = "r-1", Row = 2, Label = "7", Author = "ann" }, File("feedback") },
        { "change", Change(), File("change") },
        { "control", new Control { Id = "c-1", TimeUnixNano = 6, Model = "digits", Client = "sealed", Action = Action.Throttle, ExpiresUnixNano = 7, Rate = 0.5, Decimals = 2, Target = "v1", DryRun = true, Author = "ann", Reason = "theft", Incident = "12", Signature = ByteString.CopyFrom(1, 2, 3), KeyId = "k", Revoked = true }, File("control") },
        { "notification", new Notification { Id = "n-1", TimeUnixNano = 8, Incident = "12", Transition = "opened", Receiver = "oncall", Outcome = "delivered", Attempt = 2, Detail = "200", FindingId = "ab" }, File("notification") },
    };

    [Theory]
    [MemberData(nameof(Messages))]
    public void Bytes_are_the_golden_ones_and_read_back(string name, IMessage message, string golden)
    {
        Assert.Equal(golden, Convert.ToHexStringLower(message.ToByteArray()));
        Assert.Equal(message, message.Descriptor.Parser.ParseFrom(Convert.FromHexString(golden)));
        Assert.NotEmpty(name);
    }

    [Fact]
    public void Every_field_of_every_message_is_in_a_golden_one()
    {
        foreach (var row in Messages)
        {
            var message = row.Data.Item2;
            var unset = message.Descriptor.Fields.InDeclarationOrder()
                .Where(f => f.RealContainingOneof is null)
                .Where(f => f.IsRepeated ? ((System.Collections.IList)f.Accessor.GetValue(message)).Count == 0 : IsDefault(f.Accessor.GetValue(message)))
                .Select(f => f.Name);
            Assert.Empty(unset);
        }
    }

    [Fact]
    public void Topics_are_permanent()
    {
        Assert.Equal("inference.events", Topics.InferenceEvents);
        Assert.Equal("monitoring.state.drift", Topics.State("drift"));
        Assert.Equal("inference.events.dlq.drift", Topics.DeadLetters(Topics.InferenceEvents, "drift"));
    }

    private static bool IsDefault(object? value) => value switch
    {
        null => true,
        string text => text.Length == 0,
        ByteString bytes => bytes.IsEmpty,
        bool flag => !flag,
        double number => number == 0,
        Enum name => Convert.ToInt32(name, System.Globalization.CultureInfo.InvariantCulture) == 0,
        int or long or uint or ulong => Convert.ToDecimal(value, System.Globalization.CultureInfo.InvariantCulture) == 0,
        _ => false,
    };

    private static string File(string name) => System.IO.File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", name + ".hex")).Trim();

    private static Tensor Image() => new() { Name = "image", Datatype = "FP32", Shape = { 1, 2 }, Data = ByteString.CopyFrom(0, 0, 128, 63, 0, 0, 0, 64) };

    private static Change Change() => new() { Id = "h-1", TimeUnixNano = 5, Model = "digits", Kind = "deployment", Summary = "v2", Author = "ann", Link = "https://example.org", Attributes = { new Attribute { Key = "commit", Value = "abc" } } };

    private static InferenceEvent Inference() => new()
    {
        Id = "e-1",
        TimeUnixNano = 1_700_000_000_000_000_001,
        Model = "digits",
        ModelVersion = "1",
        Client = new Client { Id = "sealed", Source = "api-key", AddressPrefix = "p", KeyFamily = "k" },
        RequestId = "r-1",
        Inputs = { Image() },
        Outputs = { new Tensor { Name = "probabilities", Datatype = "FP32", Shape = { 1 }, Artifact = new Artifact { Sha256 = "aa", Length = 4 } } },
        Status = 200,
        Error = "none",
        LatencyNano = 1_000_000,
        Source = new Source { Instance = "a", StartUnixNano = 2, Sequence = 3 },
        Part = new Part { Index = 1, Count = 2, FirstRow = 10, CallId = "call" },
        Attributes = { new Attribute { Key = "k", Value = "v" } },
        Violations = { new SchemaViolation { Feature = "hour", Kind = "range", Detail = "25" } },
        Label = new TrueLabel { FeedbackId = "f-1", Model = "digits", EventId = "e-1", RequestId = "r-1", Row = 2, Label = "7" },
    };

    private static Finding Finding() => new()
    {
        Id = "ab",
        Position = new Position { Group = "drift", InputTopic = "inference.events", InputPartition = 1, InputOffset = 2, Ordinal = 3 },
        Monitor = "m",
        Kind = "evidence",
        Family = Family.Drift,
        Severity = Severity.Change,
        Model = "digits",
        ModelVersion = "1",
        Client = "sealed",
        Variable = "mean",
        Score = 1.5,
        PValue = 0.25,
        LogEvidence = 16,
        LogLevel = 15,
        SinceUnixNano = 1,
        SinceOffset = 2,
        TimeUnixNano = 3,
        Effect = new Effect { Measure = "shift-sd", Reference = 1, Observed = 2, Size = 1 },
        Draws = 4,
        Events = 5,
        SampleEventIds = { "e-1" },
        Coverage = 0.97,
        AtlasTechnique = "AML.T0043",
        Contributions = { new Contribution { Variable = "mean", LogEvidence = 2, Effect = new Effect { Measure = "share" } } },
        Provenance = new Provenance { ConfigurationSha256 = "c", ProfileSha256 = "p", ModelSha256 = "m", Build = "b", Provider = "cpu", Cpu = "avx2" },
        Summary = "something happened",
        Measures = { new Measure { Name = "score", Value = 2 } },
        Clients = { "sealed" },
        Slice = new Slice { Columns = { "hour" }, Auroc = 0.75, Carried = 0.5, Cells = { new SliceCell { Text = "hour > 18", Reference = 0.125, Observed = 0.5 } } },
        Columns = { new ColumnChange { Column = "hour", Change = 0.375, Impact = 0.25 }, new ColumnChange { Column = "carrier", Change = 0.125 } },
    };

    private static Explanation Explanation() => new()
    {
        Id = "x-1",
        TimeUnixNano = 1,
        FindingId = "ab",
        EventId = "e-1",
        Row = 1,
        Model = "digits",
        ModelVersion = "1",
        Method = "occlusion",
        Output = "probabilities",
        OutputIndex = 7,
        Value = 0.9,
        Base = 0.1,
        Features = { "image" },
        Attributions = Image(),
        Rows = Image(),
        RowIds = { "e-2" },
        Seed = 3,
        ModelCalls = 4,
    };
}
