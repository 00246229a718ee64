using Monitoring.Detection;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.Leakage.Tests;

public sealed class MembershipTests
{
    private const int Width = 4;
    private static readonly ModelDescription s_model = new() { Name = "rows", Version = "1", Schema = ModelSchema.Numeric(Width) };
    private static readonly double s_level = Math.Log(1e5);

    [Fact]
    public async Task A_client_that_asks_about_members_is_seen_within_five_records()
    {
        var (monitor, training, _) = await FitAsync(ownersShare: 0);
        var sink = new Events();
        Feed(monitor, sink, training[..5], "mallory");

        Assert.True(sink.Evidences["mallory"] >= s_level, $"five members reach e^{sink.Evidences["mallory"]:F1}");
    }

    [Fact]
    public async Task The_same_record_again_and_again_is_one_hit()
    {
        var (monitor, training, _) = await FitAsync(ownersShare: 0);
        var sink = new Events();
        Feed(monitor, sink, [.. Enumerable.Repeat(training[0], 1_000)], "retry");

        Assert.True(sink.Evidences["retry"] < s_level);
    }

    [Fact]
    public async Task Clients_that_differ_as_the_reference_s_clients_do_are_left_alone()
    {
        var (monitor, training, random) = await FitAsync(ownersShare: 0.05);
        var sink = new Events();
        for (var client = 0; client < 500; client++)
        {
            var share = Beta(random, 0.05);
            Feed(monitor, sink, [.. Enumerable.Range(0, 200).Select(_ => random.NextDouble() < share ? training[random.Next(training.Length)] : Row(random))], "honest-" + client);
        }

        Assert.InRange(sink.Evidences.Values.Count(e => e >= s_level), 0, 0);
    }

    [Fact]
    public async Task Where_owners_of_training_data_are_clients_the_fit_says_not_detectable()
    {
        var warnings = new List<string>();
        await FitAsync(ownersShare: 0.5, warnings);

        Assert.Contains(warnings, w => w.Contains("not detectable", StringComparison.Ordinal));
    }

    [Fact]
    public void Precision_beyond_the_policy_is_reported_and_rounded_answers_are_not()
    {
        var model = s_model with { Outputs = [new("probabilities", 2, OutputRole.Probabilities), new("embedding", 2, OutputRole.Embedding)] };
        var monitor = new PrecisionMonitor(model, new PrecisionOptions());
        var sink = new Events();
        monitor.Apply(ReferenceData.FromMatrix(model, new float[Width], 1, [[0.97f, 0.03f], [0.123456f, 1]]), 0, MonitorScores.Empty, sink);
        Assert.Empty(sink.Reports);

        monitor.Apply(ReferenceData.FromMatrix(model, new float[Width], 1, [[0.971f, 0.029f], [0, 1]]), 0, MonitorScores.Empty, sink);
        Assert.Equal("probabilities", Assert.Single(sink.Reports).Variable);
    }

    private static async Task<(IMonitor Monitor, float[][] Training, Random Random)> FitAsync(double ownersShare, List<string>? warnings = null)
    {
        using var folder = new TemporaryDirectory();
        var random = new Random(1);
        var training = Enumerable.Range(0, 2_000).Select(_ => Row(random)).ToArray();
        var file = folder.File("training.npy");
        NpyFile.Write(file, [training.Length, Width], [.. training.SelectMany(r => r)]);
        var inputs = new List<float[]>();
        var clients = new List<string>();
        for (var client = 0; client < 100; client++)
        {
            var share = ownersShare == 0 ? 0.005 : Beta(random, ownersShare);
            for (var query = 0; query < 50; query++)
            {
                inputs.Add(random.NextDouble() < share ? training[random.Next(training.Length)] : Row(random));
                clients.Add("client-" + client);
            }
        }

        var options = new MembershipOptions { Training = file };
        var kind = new MembershipKind(new LoadedConfiguration(new MonitoringConfiguration(), folder.File("monitoring.yaml"), "", [], []));
        var fit = new FitContext(s_model, ReferenceData.Split(ReferenceData.FromMatrix(s_model, [.. inputs.SelectMany(i => i)], inputs.Count, null, clients)), options, 3);
        var parameters = await kind.FitAsync(fit, CancellationToken.None);
        warnings?.AddRange(fit.Warnings);
        return (kind.Create(new MonitorContext("m", s_model, options, parameters.Bytes, 3)), training, random);
    }

    private static float[] Row(Random random) => [.. Enumerable.Range(0, Width).Select(_ => random.NextSingle())];

    /// <summary>A rate of one client: Beta with the given mean and concentration 10 (or 1 from a mean of one half), by ratio of summed exponentials and their roots.</summary>
    private static double Beta(Random random, double mean)
    {
        var concentration = mean < 0.5 ? 10 : 1;
        while (true)
        {
            // Jöhnk's method.
            var x = Math.Pow(random.NextDouble(), 1 / (mean * concentration));
            var y = Math.Pow(random.NextDouble(), 1 / ((1 - mean) * concentration));
            if (x + y is > 0 and <= 1)
            {
                return x / (x + y);
            }
        }
    }

    private static void Feed(IMonitor monitor, Events sink, float[][] rows, string client)
    {
        var batch = ReferenceData.FromMatrix(s_model, [.. rows.SelectMany(r => r)], rows.Length, null, [.. rows.Select(_ => client)]);
        var scores = monitor.ScoreAsync(batch, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        for (var row = 0; row < batch.Count; row++)
        {
            monitor.Apply(batch, row, scores, sink);
        }
    }
}
