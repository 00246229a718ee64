using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Monitoring.TestKit;
using Monitoring.TestKit.Servers;

namespace Monitoring.Browser.Tests;

/// <summary>
/// Debian's Chromium, headless, one tab, driven by the Chrome DevTools Protocol over its web socket: real mouse, real keys. Notes every error of
/// the console and every request that failed.
/// </summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(90);
    private readonly Process _process;
    private readonly TemporaryDirectory _profile;
    private readonly ClientWebSocket _socket = new();
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> _calls = new();
    private readonly SemaphoreSlim _send = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<string> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task _reading = Task.CompletedTask;
    private string? _session;
    private int _nextId;

    private Chromium(Process process, TemporaryDirectory profile)
    {
        _process = process;
        _profile = profile;
    }

    /// <summary>Errors of the console, exceptions, violations of the Content-Security-Policy.</summary>
    public ConcurrentQueue<string> Errors { get; } = new();

    public static async Task<Chromium> StartAsync()
    {
        var binary = ServerProcess.Require("chromium", "/usr/bin/chromium", "/usr/bin/chromium-browser");
        var profile = new TemporaryDirectory();
        var start = new ProcessStartInfo(binary) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions", "--disable-background-networking", "--hide-scrollbars", "--remote-debugging-port=0", $"--user-data-dir={profile.Path}", "about:blank"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["HOME"] = profile.Path;
        var process = Process.Start(start) ?? throw new InvalidOperationException("chromium did not start");
        var browser = new Chromium(process, profile);
        try
        {
            await browser.ConnectAsync();
            return browser;
        }
        catch
        {
            await browser.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens a page and waits until it is loaded.</summary>
    public async Task GoAsync(Uri url)
    {
        _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await CallAsync("Page.navigate", new JsonObject { ["url"] = url.ToString() });
        await _loaded.Task.WaitAsync(s_limit);
    }

    /// <summary>Waits until the page has loaded once more by itself.</summary>
    public async Task ComesAgainAsync()
    {
        _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _loaded.Task.WaitAsync(s_limit);
    }

    /// <summary>Clicks the middle of what the selector finds, with the mouse, and waits for the page that follows when there is one.</summary>
    public async Task ClickAsync(string selector, bool leadsOn = true)
    {
        var place = await EvaluateAsync($"(()=>{{const e=document.querySelector({JsonSerializer.Serialize(selector)}); if(!e) return null; e.scrollIntoView({{block:'center'}}); const r=e.getBoundingClientRect(); return [r.left+r.width/2, r.top+r.height/2, r.width, r.height];}})()")
            ?? throw new InvalidOperationException($"nothing on the page is {selector}");
        var (x, y) = (place[0]!.GetValue<double>(), place[1]!.GetValue<double>());
        Assert.True(place[3]!.GetValue<double>() > 0, $"{selector} is not visible");
        _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
        foreach (var type in (string[])["mousePressed", "mouseReleased"])
        {
            await CallAsync("Input.dispatchMouseEvent", new JsonObject { ["type"] = type, ["x"] = x, ["y"] = y, ["button"] = "left", ["clickCount"] = 1 });
        }

        if (leadsOn)
        {
            await _loaded.Task.WaitAsync(s_limit);
        }
    }

    /// <summary>Types into what the selector finds.</summary>
    public async Task TypeAsync(string selector, string text)
    {
        await ClickAsync(selector, leadsOn: false);
        await CallAsync("Input.insertText", new JsonObject { ["text"] = text });
    }

    /// <summary>Chooses an entry of a list by typing its beginning.</summary>
    public async Task ChooseAsync(string selector, string text)
    {
        await EvaluateAsync($"document.querySelector({JsonSerializer.Serialize(selector)}).focus()");
        foreach (var letter in text)
        {
            await CallAsync("Input.dispatchKeyEvent", new JsonObject { ["type"] = "char", ["text"] = letter.ToString() });
        }

        Assert.Equal(text, (await EvaluateAsync($"document.querySelector({JsonSerializer.Serialize(selector)}).value"))!.GetValue<string>());
    }

    public async Task<string> TextAsync(string selector) =>
        (await EvaluateAsync($"document.querySelector({JsonSerializer.Serialize(selector)})?.innerText ?? ''"))!.GetValue<string>();

    /// <summary>The value of an expression, by value; asked again where the page came again meanwhile.</summary>
    public async Task<JsonNode?> EvaluateAsync(string expression)
    {
        JsonNode? answer = null;
        do
        {
            try
            {
                answer = await CallAsync("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true });
            }
            catch (InvalidOperationException e) when (e.Message.Contains("context", StringComparison.Ordinal) || e.Message.Contains("navigated", StringComparison.Ordinal))
            {
                // The page's world ended under the question.
            }
        }
        while (answer is null);

        Assert.True(answer?["exceptionDetails"] is null, answer?["exceptionDetails"]?.ToJsonString());
        return answer?["result"]?["value"];
    }

    public async Task ResizeAsync(int width, int height, bool mobile) =>
        await CallAsync("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = height, ["deviceScaleFactor"] = 1, ["mobile"] = mobile });

    public async Task ColourSchemeAsync(string scheme) =>
        await CallAsync("Emulation.setEmulatedMedia", new JsonObject { ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = scheme }) });

    /// <summary>The whole page as PNG.</summary>
    public async Task<byte[]> ScreenshotAsync()
    {
        // Pictures below the fold load lazily: look at the end once.
        await EvaluateAsync("(async()=>{window.scrollTo(0, document.body.scrollHeight); await Promise.all([...document.images].map(i=>{i.loading='eager'; return i.decode().catch(()=>{});})); window.scrollTo(0,0);})()");
        var answer = await CallAsync("Page.captureScreenshot", new JsonObject { ["format"] = "png", ["captureBeyondViewport"] = true });
        return Convert.FromBase64String(answer!["data"]!.GetValue<string>());
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        await _reading;
        _socket.Dispose();
        _process.Dispose();
        _send.Dispose();
        _stop.Dispose();
        _profile.Dispose();
    }

    private async Task ConnectAsync()
    {
        _process.ErrorDataReceived += (_, e) =>
        {
            const string listening = "DevTools listening on ";
            if (e.Data?.IndexOf(listening, StringComparison.Ordinal) is >= 0 and var at)
            {
                _address.TrySetResult(e.Data[(at + listening.Length)..].Trim());
            }
        };
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        var address = await _address.Task.WaitAsync(s_limit);
        await _socket.ConnectAsync(new Uri(address), _stop.Token);
        _reading = ReadAsync();
        var targets = await CallAsync("Target.getTargets", []);
        var page = targets!["targetInfos"]!.AsArray().First(t => t!["type"]!.GetValue<string>() == "page")!["targetId"]!.GetValue<string>();
        var attached = await CallAsync("Target.attachToTarget", new JsonObject { ["targetId"] = page, ["flatten"] = true });
        _session = attached!["sessionId"]!.GetValue<string>();
        foreach (var domain in (string[])["Page", "Runtime", "Log", "Network"])
        {
            await CallAsync($"{domain}.enable", []);
        }
    }

    private async Task<JsonNode?> CallAsync(string method, JsonObject parameters)
    {
        var id = Interlocked.Increment(ref _nextId);
        var answer = _calls[id] = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var message = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        if (_session is not null)
        {
            message["sessionId"] = _session;
        }

        await _send.WaitAsync(_stop.Token);
        try
        {
            await _socket.SendAsync(Encoding.UTF8.GetBytes(message.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, _stop.Token);
        }
        finally
        {
            _send.Release();
        }

        return await answer.Task.WaitAsync(s_limit);
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[64 * 1024];
        using var message = new MemoryStream();
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                var part = await _socket.ReceiveAsync(buffer, _stop.Token);
                message.Write(buffer, 0, part.Count);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    return;
                }

                if (part.EndOfMessage)
                {
                    Take(JsonNode.Parse(message.GetBuffer().AsSpan(0, (int)message.Length))!);
                    message.SetLength(0);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The browser is gone: what still waits fails by its own limit.
        }
    }

    private void Take(JsonNode message)
    {
        if (message["id"]?.GetValue<int>() is { } id)
        {
            if (_calls.TryRemove(id, out var call))
            {
                if (message["error"] is { } error)
                {
                    call.TrySetException(new InvalidOperationException(error.ToJsonString()));
                }
                else
                {
                    call.TrySetResult(message["result"]);
                }
            }

            return;
        }

        var parameters = message["params"];
        switch (message["method"]?.GetValue<string>())
        {
            case "Page.loadEventFired":
                _loaded.TrySetResult();
                break;
            case "Runtime.exceptionThrown":
                Errors.Enqueue(parameters!.ToJsonString());
                break;
            case "Runtime.consoleAPICalled" when parameters!["type"]!.GetValue<string>() is "error" or "assert":
                Errors.Enqueue(parameters!.ToJsonString());
                break;
            case "Log.entryAdded" when parameters!["entry"]!["level"]!.GetValue<string>() == "error":
                Errors.Enqueue(parameters["entry"]!["text"]!.GetValue<string>() + " " + parameters["entry"]!["url"]?.GetValue<string>());
                break;
        }
    }
}
