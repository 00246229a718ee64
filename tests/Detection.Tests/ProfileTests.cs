using Microsoft.Extensions.Time.Testing;
using Monitoring.Detection.Tests.Support;
using Monitoring.TestKit;

namespace Monitoring.Detection.Tests;

public sealed class ProfileTests
{
    private static readonly MonitorKinds s_kinds = new([new PlainKind(), new EverythingKind()]);

    [Fact]
    public async Task The_same_data_gives_the_same_bytes_and_they_read_back()
    {
        var first = (await FitAsync(seed: 1)).Profile;
        var second = (await FitAsync(seed: 1)).Profile;
        var other = (await FitAsync(seed: 2)).Profile;

        Assert.Equal(first.Sha256(), second.Sha256());
        Assert.NotEqual(first.Sha256(), other.Sha256());
        Assert.Equal(first.Sha256(), Profile.FromBytes(first.ToBytes()).Sha256());
        Assert.Throws<InvalidDataException>(() => Profile.FromBytes(first.ToBytes().AsSpan(0, 100)));
    }

    [Fact]
    public async Task Learning_waits_for_a_person_when_nobody_approves_for_them()
    {
        using var run = new Run(Run.Default(autoApprove: false));
        await run.FillAsync(Traffic.TwoModels(3000, 3000, seed: 3));
        await run.ProcessAsync(await run.StartAsync());

        var status = run.Processor!.Status().First(s => s.Model == "alpha");
        Assert.Equal(MonitorState.Learning, status.State);
        Assert.Equal("a learned profile waits for approval", status.Reason);
        var candidate = Assert.Single(run.Profiles.List("alpha", "1"));
        Assert.Equal("traffic", candidate.Origin);
        Assert.Null(run.Profiles.Approved("alpha", "1"));

        // A person approves: the next configuration names the profile, and the monitors arm.
        run.Profiles.Approve("alpha", "1", candidate.Sha256, "ana", "looked at it");
        run.Configuration = run.Configuration with
        {
            Models = [.. run.Configuration.Models.Select(m => m.Name == "alpha" ? m with { ProfileSha256 = run.Profiles.Approved("alpha", "1") } : m)],
        };
        await run.Log.AppendAsync(Contracts.Topics.InferenceEvents, [.. Traffic.TwoModels(3300, 3300, seed: 3).Skip(3000)], TestContext.Current.CancellationToken);
        await run.ProcessAsync(run.Processor.Next);

        Assert.Equal(MonitorState.Armed, run.Processor.Status().First(s => s.Model == "alpha" && s.Monitor == "inputs").State);
        Assert.Equal(candidate.Sha256, run.Processor.Status().First(s => s.Model == "alpha").ProfileSha256);
    }

    [Fact]
    public async Task Learning_says_how_far_it_is_and_when_it_ends()
    {
        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(300, 300, seed: 4));
        await run.ProcessAsync(await run.StartAsync());

        var status = run.Processor!.Status().First(s => s.Model == "alpha");
        Assert.Equal(MonitorState.Learning, status.State);
        Assert.Equal((200, 500), (status.LearnedDraws, status.LearningDraws));
        // Two of three events, 10 ms apart: draw 500 comes after 7.5 s.
        Assert.InRange(status.LearningEndsUnixNano!.Value, Traffic.StartNano + 7_300_000_000, Traffic.StartNano + 7_700_000_000);
    }

    [Fact]
    public async Task Traffic_that_changes_while_it_is_learned_is_not_taken_for_usual()
    {
        using var run = new Run();
        await run.FillAsync(Traffic.TwoModels(740, 370, seed: 5, shift: 4));
        await run.ProcessAsync(await run.StartAsync());

        Assert.Equal("", run.Processor!.Status().First(s => s.Model == "alpha" && s.Monitor == "inputs").Reason);

        await run.Log.AppendAsync(Contracts.Topics.InferenceEvents, [.. Traffic.TwoModels(800, 370, seed: 5, shift: 4).Skip(740)], TestContext.Current.CancellationToken);
        await run.ProcessAsync(run.Processor.Next);
        var status = run.Processor.Status().First(s => s.Model == "alpha" && s.Monitor == "inputs");
        Assert.Contains("traffic changed while it was learned", status.Reason, StringComparison.Ordinal);
        Assert.InRange(status.LearnedDraws, 250, 300);
    }

    [Fact]
    public async Task Flagged_events_never_enter_a_profile()
    {
        var configuration = Run.Default();
        using var run = new Run(configuration with { Models = [configuration.Models[0] with { Expected = ["client-1"] }] });
        var records = new List<EventLog.LogRecord>();
        for (var i = 0; i < 100; i++)
        {
            var inference = Traffic.Event("e" + i, "alpha", [i, 0, 0], i % 4 == 3 ? "client-1" : "client-2");
            if (i % 4 == 0)
            {
                inference.Violations.Add(new Contracts.SchemaViolation { Feature = "x", Kind = "range" });
            }

            if (i % 4 == 1)
            {
                inference.Status = 500;
            }

            records.Add(Traffic.Record(inference, Traffic.StartNano + i));
        }

        await run.FillAsync(records);
        await run.ProcessAsync(await run.StartAsync());
        Assert.Equal(25, run.Processor!.Status()[0].LearnedDraws);
    }

    [Fact]
    public async Task Store_keeps_approves_rolls_back_and_notices_tampering()
    {
        using var folder = new TemporaryDirectory();
        var store = new ProfileStore(folder.Path, new FakeTimeProvider());
        var first = await FitAsync(seed: 1);
        var second = await FitAsync(seed: 2, shift: 0.5f);
        var a = store.Save(first.Profile, first.Warnings);
        var b = store.Save(second.Profile);

        Assert.Equal(a, store.Save(first.Profile));
        Assert.Equal(2, store.List("m", "1").Count);
        Assert.Null(store.Approved("m", "1"));
        store.Approve("m", "1", a, "auto", "first");
        store.Approve("m", "1", b, "ana", "incident 12 is the new normal");
        Assert.Equal(b, store.Approved("m", "1"));
        Assert.InRange(store.DistanceToFirst(second.Profile), 0.15, 0.6);
        Assert.Equal(0, store.DistanceToFirst(first.Profile));
        Assert.Equal(a, store.Rollback("m", "1", "ben", "it was not"));
        Assert.Equal(a, store.Approved("m", "1"));
        Assert.Equal(["auto", "ana", "ben"], store.History("m", "1").Select(h => h.Author));
        Assert.Throws<FileNotFoundException>(() => store.Approve("m", "1", new string('0', 64), "ana", ""));

        var file = Directory.GetFiles(folder.Path, b + ".profile", SearchOption.AllDirectories).Single();
        var bytes = File.ReadAllBytes(file);
        bytes[^1] ^= 1;
        File.WriteAllBytes(file, bytes);
        Assert.Contains("was changed", Assert.Throws<InvalidDataException>(() => store.Load("m", "1", b)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_accepted_incident_is_the_new_normal()
    {
        var configuration = Run.Default();
        configuration = configuration with { Models = [configuration.Models[0] with { Monitors = [configuration.Models[0].Monitors[0]] }] };
        using var run = new Run(configuration);
        await run.FillAsync(Traffic.TwoModels(7500, 3000, seed: 13));
        await run.ProcessAsync(await run.StartAsync(), 4500);
        Assert.Single(run.Outcome().Findings);

        var reference = await LogReference.ReadAsync(
            run.Log, Contracts.Topics.InferenceEvents, "alpha", "1", null, Traffic.StartNano + 30_000_000_000, Traffic.StartNano + 45_000_000_000,
            exclude: e => e.Id == "e3001", cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(999, reference.All.Count);
        var fitted = await new ProfileFitter(s_kinds).FitAsync(configuration.Models[0].Monitors, reference, "incident 12", null, TestContext.Current.CancellationToken);
        Assert.Empty(fitted.Failures);
        var sha256 = run.Profiles.Save(fitted.Profile, fitted.Warnings);
        run.Profiles.Approve("alpha", "1", sha256, "ana", "incident 12: the sensor was replaced");
        run.Configuration = configuration with { Models = [configuration.Models[0] with { ProfileSha256 = sha256 }] };
        await run.ProcessAsync(4500);

        Assert.Single(run.Outcome().Findings);
        var status = run.Processor!.Status().Single();
        Assert.Equal((MonitorState.Armed, sha256), (status.State, status.ProfileSha256));
        Assert.InRange(status.Draws, 1990, 2000);
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("..")]
    [InlineData("a/b")]
    public async Task Names_from_events_stay_in_the_folder(string name)
    {
        using var folder = new TemporaryDirectory();
        var store = new ProfileStore(Path.Combine(folder.Path, "inner"), TimeProvider.System);
        var profile = (await FitAsync(seed: 1)).Profile;
        var sha = store.Save(profile with { Model = profile.Model with { Name = name } });

        Assert.True(store.Contains(name, "1", sha));
        Assert.Equal(["inner"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    private static async Task<FittedProfile> FitAsync(int seed, float shift = 0)
    {
        var model = new ModelDescription { Name = "m", Version = "1", Schema = ModelSchema.Numeric(2) };
        var random = new Random(seed);
        var inputs = Enumerable.Range(0, 2000).Select(_ => Traffic.Normal(random) + shift).ToArray();
        var reference = ReferenceData.Split(ReferenceData.FromMatrix(model, inputs, 1000));
        return await new ProfileFitter(s_kinds).FitAsync([new WatchedMonitor { Name = "inputs", Kind = "plain" }], reference, "reference", null, TestContext.Current.CancellationToken);
    }
}
