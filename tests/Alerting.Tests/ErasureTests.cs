using System.Net;
using System.Net.Http.Json;
using System.Text;
using Google.Protobuf;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Monitoring.Alerting.Tests.Receivers;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Storage;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Alerting.Tests;

/// <summary>A subject's request: afterwards its id is nowhere to be read, and nobody else has lost anything.</summary>
public sealed class ErasureTests
{
    private const string Name = "zoe.müller@example.org";
    private const string Other = "acme-batch-7";

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sqlite_NothingOfTheClientCanBeReadAfterwards()
    {
        await using var hook = await WebhookDouble.StartAsync();
        await using var harness = await AlertingHarness.StartAsync($"models: [ {{ name: digits }} ]\nalerting: {{ revealClients: true }}\nreceivers:\n{hook.Yaml()}");
        var id = await EraseAsync(harness, hook);

        // Not in the database's free pages either, nor in its write-ahead log; the event log keeps the sealed id until retention, and the name never.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(harness.Directory, "data"), "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f) != "lock"))
        {
            var bytes = await ReadAsync(file);
            Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Name)) < 0, $"the name is in {file}");
            Assert.True(bytes.AsSpan().IndexOf("zoe.m\\u00FCller"u8) < 0, $"the name is in {file}");
            if (!file.Contains($"{Path.DirectorySeparatorChar}log{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            {
                Assert.True(bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(id[..12])) < 0, $"the sealed id is in {file}");
            }
        }

        static async Task<byte[]> ReadAsync(string file)
        {
            await using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy, Token);
            return copy.ToArray();
        }
    }

    [Fact]
    public async Task PostgreSql_NothingOfTheClientCanBeReadAfterwards()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var hook = await WebhookDouble.StartAsync();
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("pg"), postgres.ConnectionString, Token);
        await using var harness = await AlertingHarness.StartAsync($"storage: {{ kind: postgresql, connectionString: \"file:{directory.File("pg")}\" }}\nmodels: [ {{ name: digits }} ]\nalerting: {{ revealClients: true }}\nreceivers:\n{hook.Yaml()}");
        var id = await EraseAsync(harness, hook);
        string[] wanted = [Name, "zoe.m\\u00FCller", id[..12], Convert.ToHexStringLower(Encoding.UTF8.GetBytes(id))];
        var tables = await harness.Database.ReadAsync((c, t) => c.Database.SqlQueryRaw<string>("SELECT table_name AS \"Value\" FROM information_schema.tables WHERE table_schema = 'public'").ToListAsync(t), Token);
        Assert.Contains("incident_finding", tables);
        foreach (var table in tables)
        {
            foreach (var text in wanted)
            {
                // A row as text, bytes in hexadecimal.
                var found = await harness.Database.ReadAsync((c, t) => c.Database.SqlQueryRaw<long>($"SELECT count(*) AS \"Value\" FROM \"{table}\" row WHERE strpos(row::text, {{0}}) > 0", text).SingleAsync(t), Token);
                Assert.True(found == 0, $"{text} is in {table}");
            }
        }
    }

    [Fact]
    public async Task BadRequests_AreAnsweredClearly()
    {
        await using var harness = await AlertingHarness.StartAsync("");
        using var http = Client(harness);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/erasures", new { client = "", reason = "asked" }, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/api/erasures", new { client = "zoe" }, Token)).StatusCode);

        // Nobody knows whether a client was ever seen: an unknown one is erased, of nothing.
        var answer = await (await http.PostAsJsonAsync("/api/erasures", new { client = "nobody", reason = "asked" }, Token)).Content.ReadFromJsonAsync<ErasureView>(Token);
        Assert.Equal((0, 0, 0), (answer!.Incidents, answer.Findings, answer.Events));
    }

    [Fact]
    public async Task Verb_ErasesByTheApi_AndSaysWhatWentWrong()
    {
        using var files = new TemporaryDirectory();
        await File.WriteAllTextAsync(files.File("admin"), "admin-key-of-the-test", Token);
        await File.WriteAllTextAsync(files.File("viewer"), "viewer-key-of-the-test", Token);
        var keys = $$"""
            keys:
                - { name: root, sha256: "{{Hash("admin-key-of-the-test")}}", roles: [ admin ] }
                - { name: viewer, sha256: "{{Hash("viewer-key-of-the-test")}}", roles: [ view ] }
            """;
        string url;
        await using (var harness = await AlertingHarness.StartAsync("models: [ { name: digits } ]", api: keys))
        {
            url = harness.App.Urls.First();
            var id = harness.App.Services.GetRequiredService<ClientSealer>().Seal("client", Name);
            await harness.PublishAsync(Findings.Make(0, client: id, summary: $"client {id} asks"));
            await harness.ConsumedAsync(1);

            Assert.Equal(ExitCode.Usage, await RunAsync("--client", Name, "--url", url));
            Assert.Equal(ExitCode.Usage, await RunAsync("--client", Name, "--reason", "asked", "--url", "ftp://here"));
            Assert.Equal(ExitCode.Usage, await RunAsync("--client", Name, "--reason", "asked", "--url", url, "--key", "admin-key-of-the-test"));
            Assert.Equal(ExitCode.Usage, await RunAsync("--client", Name, "--reason", "asked", "--url", url, "--key", $"file:{files.File("absent")}"));
            Assert.Equal(ExitCode.Usage, await RunAsync("--client", Name, "--reason", " ", "--url", url, "--key", $"file:{files.File("admin")}"));
            Assert.Equal(ExitCode.Failure, await RunAsync("--client", Name, "--reason", "asked", "--url", url, "--key", $"file:{files.File("viewer")}"));
            Assert.Equal(id, (await harness.IncidentsAsync()).Single().Client);

            Assert.Equal(ExitCode.Success, await RunAsync("--client", Name, "--reason", $"asked by {Name}", "--url", url, "--key", $"file:{files.File("admin")}", "--json", files.File("done.json")));
            var done = System.Text.Json.JsonDocument.Parse(await File.ReadAllTextAsync(files.File("done.json"), Token)).RootElement;
            Assert.Equal((1, 1), (done.GetProperty("incidents").GetInt32(), done.GetProperty("findings").GetInt32()));
            Assert.NotEqual(0, done.GetProperty("remains").GetArrayLength());
            Assert.Equal(done.GetProperty("pseudonym").GetString(), (await harness.IncidentsAsync()).Single().Client);
            var audit = await harness.Database.ReadAsync((c, t) => c.Audit.SingleAsync(a => a.Action == "client.erase", t), Token);
            Assert.Equal(("root", "done"), (audit.Actor, audit.Outcome));
            Assert.DoesNotContain(Name, audit.Detail, StringComparison.Ordinal);
        }

        Assert.Equal(ExitCode.Failure, await RunAsync("--client", Name, "--reason", "asked", "--url", url, "--key", $"file:{files.File("admin")}"));

        static Task<int> RunAsync(params string[] args) => MonitoringApplication.RunAsync(["erase", .. args], [new AlertingModule()], new EraseVerb());

        static string Hash(string key) => Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(key)));
    }

    /// <summary>Two clients in incidents with evidence, messages, notes, silences, a reveal and a hold; one is erased.</summary>
    /// <returns>The sealed id of the erased one.</returns>
    private static async Task<string> EraseAsync(AlertingHarness harness, WebhookDouble hook)
    {
        using var http = Client(harness);
        var sealer = harness.App.Services.GetRequiredService<ClientSealer>();
        var (id, other) = (sealer.Seal("client", Name), sealer.Seal("client", Other));
        foreach (var (client, n) in new[] { (id, 0), (other, 1) })
        {
            var call = new InferenceEvent { Id = $"call-{n}", Model = "digits", Client = new Contracts.Client { Id = client } };
            var position = await harness.Log.AppendAsync(Topics.InferenceEvents, new LogRecord("digits"u8.ToArray(), call.ToByteArray(), [new LogHeader(Headers.Id, Encoding.UTF8.GetBytes(call.Id))], 0), Token);
            var finding = Findings.Make(position.Offset, client: client, summary: $"client {client} asks hard questions");
            finding.Clients.Add(client);
            finding.SampleEventIds.Add(call.Id);
            await harness.PublishAsync(finding);
        }

        await harness.ConsumedAsync(2);
        await Eventually.TrueAsync(async () => await harness.Database.ReadAsync((c, t) => c.PinnedEvidence.CountAsync(t), Token) == 2, "both events are pinned");
        await Eventually.TrueAsync(() => hook.Accepted.Count == 2, "both openings are told");
        Assert.Contains(hook.Calls, c => c.Data.GetProperty("sentence").GetString()!.Contains(Name, StringComparison.Ordinal));
        var incident = (await harness.IncidentsAsync()).Single(i => i.Client == id).Id;
        (await http.PostAsJsonAsync($"/api/incidents/{incident}/note", new { text = $"called {Name} twice" }, Token)).EnsureSuccessStatusCode();
        (await http.PostAsJsonAsync("/api/silences", new { client = id, @for = "2h", reason = $"{Name} is a friend" }, Token)).EnsureSuccessStatusCode();
        (await http.PostAsJsonAsync($"/api/clients/{id}/reveal", new { reason = $"is it {Name}?" }, Token)).EnsureSuccessStatusCode();
        (await http.PostAsJsonAsync("/api/responses", new { action = "throttle", client = Name, @for = "1h", incident, reason = "too fast" }, Token)).EnsureSuccessStatusCode();
        (await http.PostAsJsonAsync($"/api/incidents/{incident}/hold", new { held = true }, Token)).EnsureSuccessStatusCode();

        // Held: refused, said so, nothing changed.
        var refused = await http.PostAsJsonAsync("/api/erasures", new { client = Name, reason = $"request of {Name}" }, Token);
        Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        Assert.Contains(incident, await refused.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Equal(id, (await harness.IncidentsAsync()).Single(i => i.Id == incident).Client);

        // Forced, by the name of the client; another time by nothing but the seal changes nothing any more.
        var answer = await http.PostAsJsonAsync("/api/erasures", new { client = Name, reason = $"request of {Name}", force = true }, Token);
        var view = (await answer.Content.ReadFromJsonAsync<ErasureView>(Token))!;
        Assert.Equal((1, 1, 1, 1, 1), (view.Incidents, view.Findings, view.Events, view.Messages, view.Notes));
        Assert.NotEmpty(view.Remains);
        var again = (await (await http.PostAsJsonAsync("/api/erasures", new { client = id, reason = "again" }, Token)).Content.ReadFromJsonAsync<ErasureView>(Token))!;
        Assert.Equal((0, 0, 0, 0, 0, 0), (again.Incidents, again.Findings, again.Events, again.Messages, again.Notes, again.AuditRows));

        // The incident still tells what happened, of somebody.
        var incidents = await harness.IncidentsAsync();
        var erased = incidents.Single(i => i.Id == incident);
        Assert.Equal(view.Pseudonym, erased.Client);
        Assert.StartsWith($"Client {view.Pseudonym} asked digits", erased.Sentence, StringComparison.Ordinal);
        var detail = await http.GetStringAsync($"/api/incidents/{incident}", Token);
        Assert.Contains(view.Pseudonym, detail, StringComparison.Ordinal);
        Assert.Contains($"called {view.Pseudonym} twice", detail, StringComparison.Ordinal);
        var audit = await harness.Database.ReadAsync((c, t) => c.Audit.Where(a => a.Action == "client.erase").OrderBy(a => a.Id).Select(a => a.Outcome + " " + a.Target).ToListAsync(t), Token);
        Assert.Equal([$"refused {incident}", $"done {view.Pseudonym}", $"done {again.Pseudonym}"], audit);
        Assert.Equal(HttpStatusCode.NotFound, (await http.PostAsJsonAsync($"/api/clients/{id}/reveal", new { reason = "curious" }, Token)).StatusCode);
        foreach (var page in (string[])["/api/audit?limit=1000", "/api/silences", "/api/incidents", $"/api/incidents/{incident}"])
        {
            var text = await http.GetStringAsync(page, Token);
            Assert.DoesNotContain("example.org", text, StringComparison.Ordinal);
            Assert.DoesNotContain(id[..12], text, StringComparison.Ordinal);
        }

        // The other client is all there.
        var kept = incidents.Single(i => i.Id != incident);
        Assert.Equal((other, true), (kept.Client, kept.Sentence.Contains(Other, StringComparison.Ordinal)));
        Assert.Equal(1, await harness.Database.ReadAsync((c, t) => c.PinnedEvidence.CountAsync(p => p.IncidentId == kept.Id, t), Token));
        (await http.PostAsJsonAsync($"/api/clients/{other}/reveal", new { reason = "theft" }, Token)).EnsureSuccessStatusCode();
        return id;
    }

    private static HttpClient Client(AlertingHarness harness) => new() { BaseAddress = new Uri(harness.App.Urls.First()) };
}
