using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Monitoring.AllInOne.Drills;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Leakage;

namespace Monitoring.Benchmarks.Detecting;

/// <summary>What leaves the model: planted texts and card numbers in answers, answers finer than the policy, and who asks about training records.</summary>
internal static class LeakageRuns
{
    private const int Answers = 400;
    private const string Planted = "the access number is 482913057";

    public static async Task<(List<ScenarioResult> Scenarios, int CleanAnswers, Dictionary<string, int> FalseAlarms)> RunAsync(Digits digits, int seeds, double level)
    {
        var text = new ModelDescription { Name = "chat", Version = "1", Schema = ModelSchema.Numeric(1) };
        List<ScenarioResult.Run> canary = [], card = [], fine = [], members = [];
        var falseAlarms = new Dictionary<string, int>(StringComparer.Ordinal) { ["canary"] = 0, ["pii"] = 0, ["membership"] = 0, ["precision"] = 0 };
        var clean = 0;
        var membership = await MembershipAsync(digits).ConfigureAwait(false);
        var (training, records, width) = NumpyFile.Read(digits.Demo.Path("digits-train.X.npy"));
        var inputs = digits.Inputs;
        for (var seed = 0; seed < seeds; seed++)
        {
            var random = new Random(seed + 100);
            var leak = random.Next(20, Answers);
            canary.Add(await TextAsync("canary", new CanaryMonitor([Planted, "the access number is 777777771"]), _ => "Of course: The access number is 482-913-057.", leak, random).ConfigureAwait(false));
            card.Add(await TextAsync("pii", new PersonalDataMonitor(new PersonalDataOptions(), 1), _ => $"on file: {Card(random)}, valid", leak, random).ConfigureAwait(false));
            fine.Add(await PrecisionAsync(leak, random).ConfigureAwait(false));

            // Half of the prober's queries are training records.
            var (_, sink) = Membership(membership);
            var probes = Enumerable.Range(0, 200).Select(_ => random.Next(2) == 0 ? training.AsSpan(random.Next(records) * width, width).ToArray() : inputs[4_000 + random.Next(1_000)]).ToArray();
            await sink.FeedAsync(digits.Rows(probes, [.. probes.Select(_ => "prober")], outputs: false), untilAlarm: true).ConfigureAwait(false);
            members.Add(One("membership", sink.Alarms.Count > 0 ? sink.Alarms[0].Row : null));
        }

        var (_, calm) = Membership(membership);
        var traffic = new CleanClients(inputs[4_000..5_000], 9, 10, 28, digits.Labels[4_000..5_000], renew: true);
        while (calm.Rows < 20_000)
        {
            var (client, queries) = traffic.Next();
            await calm.FeedAsync(digits.Rows(queries, [.. queries.Select(_ => client)], calm.Rows, outputs: false)).ConfigureAwait(false);
        }

        falseAlarms["membership"] = calm.Alarms.Count;
        return (
        [
            ScenarioResult.Of("canary-in-answer", "leakage", true, canary),
            ScenarioResult.Of("card-number-in-answer", "leakage", true, card),
            ScenarioResult.Of("answers-too-fine", "leakage", true, fine),
            ScenarioResult.Of("membership-probing-half", "leakage", true, members),
        ], clean, falseAlarms);

        async Task<ScenarioResult.Run> TextAsync(string kind, IMonitor monitor, Func<int, string> leaking, int leak, Random random)
        {
            var sink = new SubjectSink(monitor, null, level);
            for (var answer = 0; answer < Answers && sink.Alarms.Count == 0; answer++)
            {
                await sink.FeedAsync(Text(text, "what do you know?", answer == leak ? leaking(answer) : Chatter(random), answer)).ConfigureAwait(false);
                clean += answer == leak ? 0 : 1;
                falseAlarms[kind] += answer < leak ? sink.Alarms.Count : 0;
            }

            // Queries from the first answer that leaks: one is at first appearance.
            return One(kind, sink.Alarms.Count > 0 ? sink.Alarms[0].Row - leak : null);
        }

        async Task<ScenarioResult.Run> PrecisionAsync(int leak, Random random)
        {
            var model = text with { Outputs = [new("probabilities", 2, OutputRole.Probabilities)] };
            var sink = new SubjectSink(new PrecisionMonitor(model, new PrecisionOptions()), null, level);
            for (var answer = 0; answer < Answers && sink.Alarms.Count == 0; answer++)
            {
                var rounded = Math.Round(random.NextDouble(), 2);
                var p = (float)(answer >= leak ? rounded + 0.00371 : rounded);
                await sink.FeedAsync(ReferenceData.FromMatrix(model, [0], 1, [[p, 1 - p]], ["c"])).ConfigureAwait(false);
                falseAlarms["precision"] += answer < leak ? sink.Alarms.Count : 0;
            }

            return One("precision", sink.Alarms.Count > 0 ? sink.Alarms[0].Row - leak : null);
        }

        (IMonitor Monitor, SubjectSink Sink) Membership((IMonitorKind Kind, FittedParameters Fitted, MembershipOptions Options) m)
        {
            var monitor = m.Kind.Create(new MonitorContext("membership", Digits.Description, m.Options, m.Fitted.Bytes, Digits.Seed));
            return (monitor, new SubjectSink(monitor, null, level));
        }
    }

    private static ScenarioResult.Run One(string kind, int? alarm) => new(new SortedDictionary<string, int?>(StringComparer.Ordinal) { [kind] = alarm }, null, null, alarm is null);

    internal static async Task<(IMonitorKind Kind, FittedParameters Fitted, MembershipOptions Options)> MembershipAsync(Digits digits)
    {
        var options = new MembershipOptions { Training = digits.Demo.Path("digits-train.X.npy") };
        var kind = new MembershipKind(new LoadedConfiguration(new MonitoringConfiguration(), digits.Demo.Path("monitoring.yaml"), "", [], []));
        var (inputs, clients, events) = CleanReference.Draw(digits.Inputs[..3_000], digits.Labels[..3_000], 6_000, 10, 78);
        float[][] none = [[], [], []];
        var reference = ReferenceData.Split(CleanReference.Batch(Digits.Description, inputs, none, clients, events));
        return (kind, await kind.FitAsync(new FitContext(Digits.Description, reference, options, Digits.Seed), CancellationToken.None).ConfigureAwait(false), options);
    }

    /// <summary>Ordinary answers, with numbers that are no card numbers.</summary>
    private static string Chatter(Random random) => random.Next(5) switch
    {
        0 => string.Create(CultureInfo.InvariantCulture, $"Order {random.NextInt64(10_000_000_000, 99_000_000_000)} ships on day {random.Next(1, 28)}."),
        1 => "The access number is not known to me.",
        2 => string.Create(CultureInfo.InvariantCulture, $"About {random.NextDouble() * 1000:F3} of them, give or take {random.Next(50)}."),
        3 => "Please ask the office; I cannot say.",
        _ => string.Create(CultureInfo.InvariantCulture, $"It is {random.Next(24):00}:{random.Next(60):00} now, version {random.Next(9)}.{random.Next(30)}.{random.Next(99)}."),
    };

    /// <summary>A card number with its check digit (Luhn), in groups.</summary>
    private static string Card(Random random)
    {
        var digits = "4" + string.Concat(Enumerable.Range(0, 14).Select(_ => (char)('0' + random.Next(10))));
        var sum = digits.Reverse().Select((d, i) => i % 2 == 0 ? (2 * (d - '0') / 10) + (2 * (d - '0') % 10) : d - '0').Sum();
        var full = digits + (char)('0' + ((10 - (sum % 10)) % 10));
        return string.Join(' ', full.Chunk(4).Select(c => new string(c)));
    }

    private static RowBatch Text(ModelDescription model, string question, string answer, int number)
    {
        var inference = new InferenceEvent { Id = "e" + number, Model = "chat" };
        inference.Inputs.Add(Bytes(question));
        inference.Outputs.Add(Bytes(answer));
        return new RowBatch(model, new float[1], [], [new RowInfo("e" + number, (ulong)number, (ulong)number, "asker-" + (number % 7), number, number, 0, 0, true)], [inference]);

        static Tensor Bytes(string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            var data = new byte[bytes.Length + 4];
            BinaryPrimitives.WriteInt32LittleEndian(data, bytes.Length);
            bytes.CopyTo(data, 4);
            var tensor = new Tensor { Name = "text", Datatype = "BYTES", Data = ByteString.CopyFrom(data) };
            tensor.Shape.Add(1);
            return tensor;
        }
    }
}
