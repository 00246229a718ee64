using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.TestKit;

namespace Monitoring.Inference.Tests;

/// <summary>The module in the product's own host, on a real socket, over the embedded log.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly TemporaryDirectory? _ownFolder;

    private TestServer(WebApplication app, string folder, TemporaryDirectory? ownFolder)
    {
        App = app;
        Folder = folder;
        _ownFolder = ownFolder;
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Client = new HttpClient { BaseAddress = Address };
    }

    public WebApplication App { get; }

    public string Folder { get; }

    public Uri Address { get; }

    public HttpClient Client { get; }

    public IEventLog Log => App.Services.GetRequiredService<IEventLog>();

    public static string Demo(string name) => Path.Combine(AppContext.BaseDirectory, "demo", name);

    /// <summary>The whole text of a configuration, as <see cref="StartAsync"/> reads it.</summary>
    public static string Text(string yaml) => $"api:\n  listen: [\"http://127.0.0.1:0\"]\n{yaml.Replace("{demo}", Path.Combine(AppContext.BaseDirectory, "demo"), StringComparison.Ordinal)}";

    /// <param name="yaml">Configuration; <c>{demo}</c> stands for the folder of the demo's models.</param>
    /// <param name="folder">Folder of the configuration and its data; null makes one.</param>
    /// <param name="customize">Last word on services.</param>
    public static async Task<TestServer> StartAsync(string yaml, string? folder = null, Action<IServiceCollection>? customize = null)
    {
        var own = folder is null ? new TemporaryDirectory() : null;
        folder ??= own!.Path;
        var configuration = LoadedConfiguration.Parse(Text(yaml), Path.Combine(folder, "monitoring.yaml"), ConfigurationValidators.BuiltIn);
        Assert.Empty(configuration.Errors);
        var app = MonitoringHost.Build(configuration, [new InferenceModule()], customize);
        await app.StartAsync();
        return new TestServer(app, folder, own);
    }

    public async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        var body = await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        return (response.StatusCode, body.Length == 0 ? default : JsonDocument.Parse(body).RootElement.Clone());
    }

    public Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, string json, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, new StringContent(json, Encoding.UTF8, "application/json"), headers);

    public Task<(HttpStatusCode Status, JsonElement Body)> PostAsync(string path, byte[] body, string type = "application/octet-stream", params (string Name, string Value)[] headers)
    {
        var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return SendAsync(HttpMethod.Post, path, content, headers);
    }

    /// <summary>All events that the log holds.</summary>
    public async Task<List<(InferenceEvent Event, LogEntry Entry)>> EventsAsync()
    {
        var events = new List<(InferenceEvent, LogEntry)>();
        for (var partition = 0; partition < await Log.GetPartitionCountAsync(Topics.InferenceEvents); partition++)
        {
            var range = await Log.GetOffsetsAsync(Topics.InferenceEvents, partition);
            await foreach (var entry in Log.ReadAsync(Topics.InferenceEvents, partition, range.Start, range.End))
            {
                events.Add((InferenceEvent.Parser.ParseFrom(entry.Value!.Value.Span), entry));
            }
        }

        return events;
    }

    /// <summary>Waits until the log holds that many events and gives them in the order of their sequence numbers.</summary>
    public async Task<List<InferenceEvent>> EventsAsync(int count)
    {
        List<(InferenceEvent Event, LogEntry Entry)> events = [];
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    events = await EventsAsync();
                }
                catch (UnknownTopicException)
                {
                    return false;
                }

                return events.Count >= count;
            },
            string.Create(CultureInfo.InvariantCulture, $"{count} events in the log"));
        Assert.Equal(count, events.Count);
        return [.. events.Select(e => e.Event).OrderBy(e => e.Model, StringComparer.Ordinal).ThenBy(e => e.Source.StartUnixNano).ThenBy(e => e.Source.Sequence)];
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
        _ownFolder?.Dispose();
    }
}
