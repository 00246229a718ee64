using System.Net;
using System.Text.RegularExpressions;
using Monitoring.Contracts;
using Monitoring.Forensics;

namespace Monitoring.Browser.Tests;

/// <summary>The review queue on a page: what it shows to whom, and what answers become.</summary>
public sealed partial class ReviewTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Queue_ShowsPicturesAndReasons_AndAnswersBecomeFeedbackWithTheirAuthor()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        await harness.AttackAsync();
        using var http = await harness.SignedInAsync(ConsoleHarness.RespondKey);
        var page = await http.GetStringAsync(new Uri("/models/digits/review", UriKind.Relative), Token);
        Assert.Contains("flagged", page, StringComparison.Ordinal);
        Assert.Contains("0 (91 %)", page, StringComparison.Ordinal);
        Assert.Contains("Chosen from 6 rows, of which 0 have a label", page, StringComparison.Ordinal);
        var pictures = Pictures().Matches(page).Select(m => m.Groups[1].Value).ToList();
        Assert.Equal(6, pictures.Count);
        foreach (var picture in pictures)
        {
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], (await http.GetByteArrayAsync(new Uri(picture, UriKind.Relative), Token))[..4]);
        }

        // Two of six are answered; the others stay in the queue.
        var fields = Fields(page);
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, [.. fields, new("answer0", "3"), new("answer4", "9")]));
        var labels = await LabelIndex.ReadAsync(harness.Log, "digits", Token);
        Assert.Equal(2, labels.Count);
        var said = labels.Find(Value(fields, "event4"), "", 0)!;
        Assert.Equal(("9", "responder", "digits"), (said.Label, said.Author, said.Model));
        page = await http.GetStringAsync(new Uri("/models/digits/review?done=2", UriKind.Relative), Token);
        Assert.Contains("Chosen from 6 rows, of which 2 have a label", page, StringComparison.Ordinal);
        Assert.Equal(4, Pictures().Count(page));
        Assert.Contains("2 saved", page, StringComparison.Ordinal);
        var csv = await http.GetStringAsync(new Uri("/models/digits/review.csv", UriKind.Relative), Token);
        Assert.Equal(5, csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);

        var audit = await harness.AuditAsync();
        Assert.Contains(audit, a => a is { Action: "feedback.write", Actor: "responder", Target: "digits", Outcome: "done", Detail: "2 labels in the review queue" });
        Assert.Equal(6, audit.Count(a => a is { Action: "evidence.read", Actor: "responder", Outcome: "done", Detail: "picture" } && a.Target.StartsWith("digits/review/", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Answers_ThatDoNotFit_ChangeNothing()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        await harness.AttackAsync();
        using var http = await harness.SignedInAsync(ConsoleHarness.RespondKey);
        var fields = Fields(await http.GetStringAsync(new Uri("/models/digits/review", UriKind.Relative), Token));
        Assert.Equal(HttpStatusCode.SeeOther, await PostAsync(http, fields));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields, new("answer0", "3"), new("answer1", "eleven")]));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields, new("answer0", "1"), new("kind0", "number"), new("answer1", "many"), new("kind1", "number")]));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields.Where(f => f.Key != "event0"), new("event0", "of somebody else"), new("answer0", "3")]));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields.Where(f => f.Key != "row0"), new("row0", "1"), new("answer0", "3")]));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields.Where(f => f.Key != "position0"), new("position0", "0@99999999999"), new("answer0", "3")]));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields.Where(f => f.Key != "position0"), new("position0", "-1"), new("answer0", "3")]));
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(http, [.. fields.Where(f => f.Key != "token"), new("answer0", "3")]));
        Assert.Equal(0, (await LabelIndex.ReadAsync(harness.Log, "digits", Token)).Count);
        Assert.Contains(await harness.AuditAsync(), a => a is { Action: "feedback.write", Outcome: "refused" } && a.Detail.Contains("'eleven' is no class", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Rows_AreTables_AndViewersMayLookButNotAnswer()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        await harness.AttackAsync();
        await harness.DriftAsync();
        using var viewer = await harness.SignedInAsync(ConsoleHarness.ViewKey);
        var page = await viewer.GetStringAsync(new Uri("/models/flights/review", UriKind.Relative), Token);
        Assert.Contains("Monday", page, StringComparison.Ordinal);
        Assert.DoesNotContain("answer0", page, StringComparison.Ordinal);
        Assert.Contains(await harness.AuditAsync(), a => a is { Action: "evidence.read", Actor: "viewer", Target: "flights/review" });
        Assert.Equal(HttpStatusCode.Forbidden, await PostAsync(viewer, [new("token", Value(Fields(page), "token"))]));

        using var team = await harness.SignedInAsync(ConsoleHarness.FlightsKey);
        page = await team.GetStringAsync(new Uri("/models/flights/review", UriKind.Relative), Token);
        Assert.Contains("<option>delayed</option>", page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync(new Uri("/models/digits/review", UriKind.Relative), Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync(new Uri("/models/digits/review.csv", UriKind.Relative), Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync(new Uri("/models/digits/review/0@0-0.png", UriKind.Relative), Token)).StatusCode);

        // Another model's event through a model of one's own.
        Assert.Equal(HttpStatusCode.NotFound, (await team.GetAsync(new Uri("/models/flights/review/0@0-0.png", UriKind.Relative), Token)).StatusCode);
        Assert.Equal(2, (await harness.AuditAsync()).Count(a => a is { Action: "evidence.read", Actor: "flights-team", Outcome: "refused" }));
        using var form = new FormUrlEncodedContent([new("token", Value(Fields(page), "token")), new("position0", "0@0"), new("event0", "call-0"), new("row0", "0"), new("answer0", "delayed")]);
        Assert.Equal(HttpStatusCode.BadRequest, (await team.PostAsync(new Uri("/models/flights/review", UriKind.Relative), form, Token)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await team.PostAsync(new Uri("/models/digits/review", UriKind.Relative), form, Token)).StatusCode);
        Assert.Equal(0, (await LabelIndex.ReadAsync(harness.Log, "digits", Token)).Count);

        using var stranger = harness.Client();
        Assert.Equal(HttpStatusCode.Redirect, (await stranger.GetAsync(new Uri("/models/flights/review", UriKind.Relative), Token)).StatusCode);
    }

    private static List<KeyValuePair<string, string>> Fields(string page) =>
        [.. Hidden().Matches(page).Select(m => new KeyValuePair<string, string>(m.Groups[1].Value, WebUtility.HtmlDecode(m.Groups[2].Value))).DistinctBy(f => f.Key)];

    private static string Value(IEnumerable<KeyValuePair<string, string>> fields, string name) => fields.First(f => f.Key == name).Value;

    private static async Task<HttpStatusCode> PostAsync(HttpClient http, IReadOnlyList<KeyValuePair<string, string>> fields)
    {
        using var form = new FormUrlEncodedContent(fields);
        return (await http.PostAsync(new Uri("/models/digits/review", UriKind.Relative), form, Token)).StatusCode;
    }

    [GeneratedRegex("<input type=\"hidden\" name=\"([^\"]+)\" value=\"([^\"]*)\"", RegexOptions.None, 1000)]
    private static partial Regex Hidden();

    [GeneratedRegex("<img src=\"([^\"]+)\"", RegexOptions.None, 1000)]
    private static partial Regex Pictures();
}
