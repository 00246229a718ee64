using Monitoring.Forensics;
using Monitoring.Storage;

namespace Monitoring.Browser.Tests;

/// <summary>The pages in a real browser: what a thumb and a tired eye do with them.</summary>
public sealed class ChromiumTests
{
    [Fact]
    public async Task Responder_SignsInAcknowledgesNotesAndClosesAsFalseAlarm()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        var incident = await harness.AttackAsync();
        await using var browser = await Chromium.StartAsync();
        await browser.ResizeAsync(375, 812, mobile: true);
        await browser.GoAsync(new Uri(harness.Url, $"/incidents/{incident.Id}"));
        await browser.TypeAsync("#key", ConsoleHarness.RespondKey);
        await browser.ClickAsync("form button.main");
        Assert.Contains("its copy now agrees on 79 to 87 %", await browser.TextAsync("h1"), StringComparison.Ordinal);

        await browser.ClickAsync("form[action$='/acknowledge'] button");
        Assert.Contains("Acknowledged", await browser.TextAsync(".notice"), StringComparison.Ordinal);
        Assert.Equal(IncidentState.Acknowledged, (await harness.ReloadAsync(incident.Id)).State);

        await browser.ClickAsync("details:has(form[action$='/respond']) > summary", leadsOn: false);
        await browser.TypeAsync("#rw", "copies the model");
        await browser.ClickAsync("form[action$='/respond'] button");
        var contained = await browser.TextAsync("section[aria-labelledby=contain]");
        Assert.Contains("throttle", contained, StringComparison.Ordinal);
        Assert.Contains("dry-run", contained, StringComparison.Ordinal);
        Assert.Contains(await harness.AuditAsync(), a => a.Action.StartsWith("response", StringComparison.Ordinal) && a is { Outcome: "done", Actor: "responder" });

        await browser.TypeAsync("#note", "called the owner; it is theirs");
        await browser.ClickAsync("form[action$='/note'] button");
        Assert.Contains("called the owner; it is theirs", await browser.TextAsync("section[aria-labelledby=notes]"), StringComparison.Ordinal);

        await browser.ClickAsync("details:has(form[action$='/false-alarm']) > summary", leadsOn: false);
        await browser.TypeAsync("#fa", "their load test");
        await browser.ClickAsync("form[action$='/false-alarm'] button");
        Assert.Contains("false alarm", await browser.TextAsync(".pills"), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(IncidentState.FalseAlarm, (await harness.ReloadAsync(incident.Id)).State);
        Assert.Empty(browser.Errors);
    }

    [Fact]
    public async Task List_LeftOpen_ShowsAnIncidentThatComes()
    {
        await using var harness = await ConsoleHarness.StartAsync();
        await using var browser = await Chromium.StartAsync();
        await browser.GoAsync(new Uri(harness.Url, "/incidents"));
        Assert.Contains("No incident is open", await browser.TextAsync("main"), StringComparison.Ordinal);
        await harness.AttackAsync();

        // Nobody touches the browser.
        await browser.ComesAgainAsync();
        Assert.Contains("its copy now agrees", await browser.TextAsync("main"), StringComparison.Ordinal);
        Assert.Empty(browser.Errors);
    }

    [Fact]
    public async Task Reviewer_AnswersTwoRowsOfTheQueue()
    {
        await using var harness = await ConsoleHarness.StartAsync(keys: true);
        await harness.AttackAsync();
        await using var browser = await Chromium.StartAsync();
        await browser.ResizeAsync(375, 812, mobile: true);
        await browser.GoAsync(new Uri(harness.Url, "/models/digits"));
        await browser.TypeAsync("#key", ConsoleHarness.RespondKey);
        await browser.ClickAsync("form button.main");
        await browser.ClickAsync("a[href$='/review']");
        var events = (await browser.EvaluateAsync("[...document.querySelectorAll('input[name^=event]')].map(e=>e.value)"))!.AsArray().Select(e => e!.GetValue<string>()).ToList();
        Assert.Equal(6, events.Count);

        // By keyboard, as somebody who labels a hundred rows does.
        await browser.ChooseAsync("#answer0", "7");
        await browser.ChooseAsync("#answer2", "1");
        await browser.ClickAsync("form[action$='/review'] button.main");
        Assert.Contains("2 saved", await browser.TextAsync(".notice"), StringComparison.Ordinal);
        Assert.Equal(4, (await browser.EvaluateAsync("document.querySelectorAll('.samples img').length"))!.GetValue<int>());
        var labels = await LabelIndex.ReadAsync(harness.Log, "digits", TestContext.Current.CancellationToken);
        Assert.Equal(("7", "1", "responder"), (labels.Find(events[0], "", 0)!.Label, labels.Find(events[2], "", 0)!.Label, labels.Find(events[2], "", 0)!.Author));
        Assert.Empty(browser.Errors);
    }

    [Theory]
    [InlineData("light")]
    [InlineData("dark")]
    public async Task Pages_AtPhoneWidth_FitAndAreReadable(string scheme)
    {
        await using var harness = await ConsoleHarness.StartAsync();
        var attack = await harness.AttackAsync();
        var drift = await harness.DriftAsync();
        await using var browser = await Chromium.StartAsync();
        await browser.ColourSchemeAsync(scheme);
        foreach (var (name, path) in ((string, string)[])[("attack", $"/incidents/{attack.Id}"), ("drift", $"/incidents/{drift.Id}"), ("list", "/incidents"), ("models", "/models"), ("model", "/models/digits"), ("review", "/models/digits/review"), ("review-rows", "/models/flights/review"), ("runbook", "/runbooks/ModelIncidentOpen")])
        {
            await browser.ResizeAsync(375, 812, mobile: true);
            await browser.GoAsync(new Uri(harness.Url, path));
            await KeepAsync(browser, $"{name}-{scheme}-phone");
            Assert.True((await browser.EvaluateAsync("document.documentElement.scrollWidth <= 375"))!.GetValue<bool>(), $"{path} is wider than a phone");

            // WCAG 2.2 AA: text at least 4.5 : 1 against what lies behind it; targets at least 24 px.
            Assert.Empty((await browser.EvaluateAsync(Unreadable))!.AsArray().Select(n => n!.GetValue<string>()));
            Assert.Empty((await browser.EvaluateAsync("[...document.querySelectorAll('button, summary, input:not([type=hidden]), select, textarea')].filter(e=>e.checkVisibility()).filter(e=>e.getBoundingClientRect().height<24).map(e=>e.outerHTML)"))!.AsArray());
            Assert.Empty((await browser.EvaluateAsync("[...document.querySelectorAll('img')].filter(i=>!i.alt || !i.complete || i.naturalWidth===0).map(i=>i.src)"))!.AsArray());
            Assert.Empty((await browser.EvaluateAsync("[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(e=>!e.labels.length).map(e=>e.outerHTML)"))!.AsArray());
            await browser.ResizeAsync(1200, 900, mobile: false);
            await KeepAsync(browser, $"{name}-{scheme}-wide");
        }

        Assert.Empty(browser.Errors);
    }

    /// <summary>Texts whose contrast is below 4.5 : 1, by the WCAG's formula of relative luminance.</summary>
    private const string Unreadable = """
        (() => {
          const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
          const lum = ([r, g, b]) => { const f = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }; return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
          const behind = e => { for (let n = e; n; n = n.parentElement) { const c = parse(getComputedStyle(n).backgroundColor); if (c[3] > 0) return c; } return [255, 255, 255, 1]; };
          const bad = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const e = walker.currentNode.parentElement;
            if (!walker.currentNode.data.trim() || !e.checkVisibility() || e.tagName === 'TITLE' || e.tagName === 'OPTION' || e.classList.contains('skip')) continue;
            const style = getComputedStyle(e);
            const ink = parse(e.closest('svg') ? style.fill : style.color);
            const [a, b] = [lum(ink), lum(behind(e))].sort((x, y) => y - x);
            if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${e.tagName}.${e.className.baseVal ?? e.className} ${walker.currentNode.data.trim().slice(0, 30)} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
          }
          return bad;
        })()
        """;

    /// <summary>With MONITORING_SCREENSHOTS set, keeps what was seen there for people to look at.</summary>
    private static async Task KeepAsync(Chromium browser, string name)
    {
        var png = await browser.ScreenshotAsync();
        Assert.True(png.Length > 2000, $"{name} is blank");
        if (Environment.GetEnvironmentVariable("MONITORING_SCREENSHOTS") is { Length: > 0 } folder)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllBytesAsync(Path.Combine(folder, name + ".png"), png, TestContext.Current.CancellationToken);
        }
    }
}
