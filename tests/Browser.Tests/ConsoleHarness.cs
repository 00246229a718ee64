using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Alerting;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.EventLog.Embedded;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;
using Monitoring.Incidents;
using Monitoring.Storage;
using Monitoring.TestKit;
using Monitoring.WebConsole;

namespace Monitoring.Browser.Tests;

/// <summary>Alerting and Console as the host builds them, on a real embedded log and a real SQLite file, with two models and no traffic but what a test writes.</summary>
internal sealed partial class ConsoleHarness : IAsyncDisposable
{
    public const string ViewKey = "view-key-0123456789";
    public const string RespondKey = "respond-key-0123456789";
    public const string AdminKey = "admin-key-0123456789";
    public const string SecretFile = "SECRET-FILE";
    public const string FlightsKey = "flights-key-0123456789";

    private readonly TemporaryDirectory _directory = new();
    private WebApplication? _app;

    public WebApplication App => _app!;

    public Uri Url => new(App.Urls.First());

    public IEventLog Log => App.Services.GetRequiredService<IEventLog>();

    public MonitoringDatabase Database => App.Services.GetRequiredService<MonitoringDatabase>();

    /// <param name="keys">With keys of every role; without, everybody is admin.</param>
    /// <param name="links">Section <c>api.links</c>, in one line.</param>
    /// <param name="more">More of the configuration.</param>
    /// <param name="oidc">Section <c>api.oidc</c> in flow style; without it there is none. <see cref="SecretFile"/> in it stands for a file with the client's secret.</param>
    public static async Task<ConsoleHarness> StartAsync(bool keys = false, string links = "{}", string more = "", string? oidc = null)
    {
        var harness = new ConsoleHarness();
        try
        {
            await harness.BeginAsync(keys, links, more, oidc);
            return harness;
        }
        catch
        {
            await harness.DisposeAsync();
            throw;
        }
    }

    /// <summary>An attack on the digits by one client: calls in the log, findings that name them, an explanation, a deployment before it.</summary>
    /// <returns>The incident, its evidence pinned.</returns>
    public async Task<Incident> AttackAsync()
    {
        var now = UnixNano.Now(TimeProvider.System);
        var digits = NpyFile.Read(Path.Combine(AppContext.BaseDirectory, "digits-population.X.npy"));
        var client = App.Services.GetRequiredService<ClientSealer>().Seal("client", "acme-batch-7");
        var last = 0L;
        for (var i = 0; i < 6; i++)
        {
            var row = digits.Row(i * 31).ToArray().Select(v => v / 255f).ToArray();
            last = (await Log.AppendAsync(Topics.InferenceEvents, Record("digits", $"call-{i}", Call("digits", $"call-{i}", client, "image", row, [1, 1, 28, 28], Scores(i % 10)), partition: 0), TestContext.Current.CancellationToken)).Offset;
        }

        await Log.AppendAsync(Topics.Changes, Record("digits", "change-1", new Change { Id = "change-1", Model = "digits", Kind = "deployment", Summary = "digits 7 <b>rolled out</b>", Author = "anna", Link = "https://ci.example.com/7", TimeUnixNano = now }, partition: 0), TestContext.Current.CancellationToken);
        for (var i = 0; i < 3; i++)
        {
            var finding = new Finding
            {
                Id = $"attack-{i}",
                Position = new Position { Group = "extraction", InputTopic = Topics.InferenceEvents, InputOffset = last, Ordinal = i },
                Monitor = "digits-copies",
                Kind = "hardness",
                Family = Family.Extraction,
                Severity = Severity.Harm,
                Model = "digits",
                ModelVersion = "7",
                Client = client,
                Variable = "hardness",
                LogEvidence = 14.2 + (3 * i),
                LogLevel = 12.9,
                SinceUnixNano = now - (600_000_000_000L * (3 - i)),
                TimeUnixNano = now - (300_000_000_000L * (2 - i)),
                Draws = 4000 + (90 * i),
                Events = 4000 + (90 * i),
                Coverage = 0.97,
                AtlasTechnique = "AML.T0024.002",
                Summary = "hard questions, one after another",
            };
            finding.SampleEventIds.AddRange(Enumerable.Range(0, 6).Select(n => $"call-{n}"));
            finding.Contributions.Add(new Contribution { Variable = "hardness", LogEvidence = 12.1 + i, Effect = new Effect { Measure = "shift-sd", Reference = 0.1, Observed = 1.4, Size = 1.3 } });
            finding.Contributions.Add(new Contribution { Variable = "entropy", LogEvidence = 4.1 + i, Effect = new Effect { Measure = "shift-sd", Size = 0.6 } });
            finding.Measures.Add(new Measure { Name = "agreement-low", Value = 0.79 });
            finding.Measures.Add(new Measure { Name = "agreement-high", Value = 0.87 });
            await Log.AppendAsync(Topics.Findings, Record("digits", finding.Id, finding, partition: 0), TestContext.Current.CancellationToken);
        }

        var explanation = new Explanation { Id = new string('a', 32), FindingId = "attack-0", EventId = "call-0", Model = "digits", ModelVersion = "7", Method = "kernel-shap", Output = "0", Value = 0.91, Base = 0.1, TimeUnixNano = now };
        explanation.Attributions = new Tensor { Name = "rows", Datatype = "FP32", Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(Enumerable.Range(0, 784).Select(p => (float)Math.Sin(p / 40.0)).ToArray())) };
        explanation.Attributions.Shape.AddRange([28, 28]);
        await Log.AppendAsync(Topics.Explanations, Record("digits", explanation.Id, explanation, partition: 0), TestContext.Current.CancellationToken);
        return await IncidentAsync("digits", findings: 3, pinned: 6);
    }

    /// <summary>Drift of the flights: rows in the log before and since, a finding that names two columns.</summary>
    public async Task<Incident> DriftAsync()
    {
        var from = UnixNano.Now(TimeProvider.System);
        LogPosition last = default!;
        for (var i = 0; i < 120; i++)
        {
            float[] row = [i % 24, i % 7, 300 + (i < 60 ? 0 : 400) + (i % 9), i % 5, 12];
            last = await Log.AppendAsync(Topics.InferenceEvents, Record("flights", $"flight-{i}", Call("flights", $"flight-{i}", "", "features", row, [1, row.Length], null), partition: 1), TestContext.Current.CancellationToken);
        }

        var now = UnixNano.Now(TimeProvider.System);
        var finding = new Finding
        {
            Id = "drift-0",
            Position = new Position { Group = "drift", InputTopic = Topics.InferenceEvents, InputPartition = 1, InputOffset = last.Offset },
            Monitor = "evidence",
            Kind = "evidence",
            Family = Family.Drift,
            Severity = Severity.Change,
            Model = "flights",
            ModelVersion = "1",
            LogEvidence = 15,
            LogLevel = 12.9,
            SinceUnixNano = from + ((now - from) / 2),
            TimeUnixNano = now,
            Events = 60,
            Coverage = 1,
        };
        var feature = FlightFeatures()[2];
        finding.Variable = feature;
        finding.SampleEventIds.AddRange(["flight-117", "flight-118", "flight-119"]);
        finding.Contributions.Add(new Contribution { Variable = feature, LogEvidence = 15, Effect = new Effect { Measure = "shift-sd", Reference = 304, Observed = 704, Size = 2.2 } });
        finding.Slice = new Slice { Columns = { feature }, Auroc = 0.97, Carried = 0.93, Cells = { new SliceCell { Text = feature + " > 640 km", Reference = 0.125, Observed = 0.75 } } };
        finding.Columns.Add(new ColumnChange { Column = feature, Change = 0.62, Impact = 0.214 });
        finding.Columns.Add(new ColumnChange { Column = FlightFeatures()[0], Change = 0.05 });
        await Log.AppendAsync(Topics.Findings, Record("flights", finding.Id, finding, partition: 1), TestContext.Current.CancellationToken);
        return await IncidentAsync("flights", findings: 1, pinned: 3);
    }

    /// <summary>A browser without pages: cookies are kept, redirects are not followed.</summary>
    [SuppressMessage("Reliability", "CA2000", Justification = "the client disposes its handler")]
    public HttpClient Client() => new(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = Url };

    /// <summary>A <see cref="Client"/> signed in with a key.</summary>
    public async Task<HttpClient> SignedInAsync(string key)
    {
        var http = Client();
        using var form = new FormUrlEncodedContent([new("token", FormToken(await http.GetStringAsync(new Uri("/login", UriKind.Relative), TestContext.Current.CancellationToken))), new("key", key), new("return", "/incidents")]);
        Assert.Equal(HttpStatusCode.SeeOther, (await http.PostAsync(new Uri("/login", UriKind.Relative), form, TestContext.Current.CancellationToken)).StatusCode);
        return http;
    }

    public static string FormToken(string page) => WebUtility.HtmlDecode(HiddenToken().Match(page) is { Success: true } m ? m.Groups[1].Value : throw new InvalidOperationException("no form on the page"));

    [GeneratedRegex("name=\"token\" value=\"([^\"]+)\"", RegexOptions.None, 1000)]
    private static partial Regex HiddenToken();

    public static IReadOnlyList<string> FlightFeatures() =>
        [.. Hosting.SchemaFile.Read(Path.Combine(AppContext.BaseDirectory, "flights.schema.json")).Features.Select(f => f.Name)];

    public Task<Incident> ReloadAsync(string id) =>
        Database.ReadAsync((c, t) => c.Incidents.SingleAsync(i => i.Id == id, t), TestContext.Current.CancellationToken);

    public Task<List<AuditEntry>> AuditAsync() =>
        Database.ReadAsync((c, t) => c.Audit.OrderBy(a => a.Id).ToListAsync(t), TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            var log = Log;
            var database = Database;
            await _app.DisposeAsync();
            await log.DisposeAsync();
            await database.DisposeAsync();
        }

        _directory.Dispose();
    }

    private async Task<Incident> IncidentAsync(string model, int findings, int pinned)
    {
        Incident? incident = null;
        await Eventually.TrueAsync(
            async () =>
            {
                incident = await Database.ReadAsync((c, t) => c.Incidents.FirstOrDefaultAsync(i => i.Model == model, t), TestContext.Current.CancellationToken);
                var copied = await Database.ReadAsync((c, t) => c.PinnedEvidence.CountAsync(p => p.IncidentId == (incident == null ? "" : incident.Id), t), TestContext.Current.CancellationToken);
                return incident?.FindingCount == findings && copied == pinned;
            },
            $"{findings} findings of {model} and {pinned} pinned events");
        return incident!;
    }

    private static InferenceEvent Call(string model, string id, string client, string input, float[] row, long[] shape, float[]? scores)
    {
        var call = new InferenceEvent { Id = id, Model = model, ModelVersion = "7", TimeUnixNano = UnixNano.Now(TimeProvider.System), Client = new Client { Id = client }, Status = 200 };
        call.Inputs.Add(Tensor(input, row, shape));
        if (scores is not null)
        {
            call.Outputs.Add(Tensor("probabilities", scores, [1, scores.Length]));
        }

        return call;
    }

    private static Tensor Tensor(string name, float[] values, long[] shape)
    {
        var tensor = new Tensor { Name = name, Datatype = "FP32", Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(values)) };
        tensor.Shape.AddRange(shape);
        return tensor;
    }

    private static float[] Scores(int winner) => [.. Enumerable.Range(0, 10).Select(i => i == winner ? 0.91f : 0.01f)];

    private static LogRecord Record(string key, string id, IMessage message, int partition) =>
        new(Encoding.UTF8.GetBytes(key), message.ToByteArray(), [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(id))], partition);

    [SuppressMessage("Reliability", "CA2000", Justification = "the host disposes the log")]
    private async Task BeginAsync(bool keys, string links, string more, string? oidc)
    {
        var secret = _directory.File("oidc.secret");
        await File.WriteAllTextAsync(secret, TestKit.Oidc.OidcProvider.ClientSecret, TestContext.Current.CancellationToken);
        var keyList = keys
            ? $$"""
              keys:
                  - { name: viewer, sha256: "{{Hash(ViewKey)}}", roles: [ view ] }
                  - { name: responder, sha256: "{{Hash(RespondKey)}}", roles: [ view, respond ] }
                  - { name: flights-team, sha256: "{{Hash(FlightsKey)}}", roles: [ view, respond ], models: [ flights ] }
                  - { name: root, sha256: "{{Hash(AdminKey)}}", roles: [ admin ] }
              """
            : "keys: []";
        var text = $$"""
            data: data
            api:
              listen: [ "http://127.0.0.1:0" ]
              {{(oidc is null ? "publicUrl: \"https://monitoring.example.com\"" : $"oidc: {oidc.Replace(SecretFile, secret, StringComparison.Ordinal).ReplaceLineEndings(" ")}")}}
              links: {{links}}
              {{keyList}}
            log: { partitions: 2 }
            models:
              - { name: digits, version: "7", schema: "{{Path.Combine(AppContext.BaseDirectory, "digits.schema.json")}}", owner: vision-team }
              - { name: flights, schema: "{{Path.Combine(AppContext.BaseDirectory, "flights.schema.json")}}" }
            {{more}}
            """;
        var loaded = LoadedConfiguration.Parse(text, _directory.File("monitoring.yaml"), []);
        Assert.Empty(loaded.Errors);
        _app = MonitoringHost.Build(loaded, [new AlertingModule(), new ConsoleModule()], services =>
        {
            services.AddLogging(l => l.SetMinimumLevel(LogLevel.Error));
            services.AddSingleton<IEventLog>(_ => EmbeddedEventLog.Open(
                new EmbeddedEventLogOptions { Directory = Path.Combine(loaded.DataDirectory, "log"), HandoverTimeout = TimeSpan.FromSeconds(2) },
                TimeProvider.System,
                NullLoggerFactory.Instance));
        });
        await _app.StartAsync(TestContext.Current.CancellationToken);
        await _app.Services.GetRequiredService<LogTopics>().Ready;
    }

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
