using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Monitoring.AllInOne.Docs;
using Monitoring.Hosting;
using Monitoring.TestKit;

namespace Monitoring.AllInOne.Tests;

/// <summary>The description of the HTTP API, as <c>docs</c> writes it and as it is served.</summary>
public sealed class OpenApiTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Description_HoldsEveryEndpointOfEveryServiceAndIsOpenApi3()
    {
        using var directory = new TemporaryDirectory();
        await using var app = DescribedHost.Build(directory.Path, Program.Modules);
        var text = await ApiDescription.WriteAsync(app, Token);

        var read = OpenApiDocument.Parse(text, "json");
        Assert.Equal(OpenApiSpecVersion.OpenApi3_0, read.Diagnostic!.SpecificationVersion);
        Assert.Empty(read.Diagnostic.Errors);
        Assert.Empty(read.Diagnostic.Warnings);

        using var document = JsonDocument.Parse(text);
        var described = document.RootElement.GetProperty("paths").EnumerateObject()
            .SelectMany(p => p.Value.EnumerateObject().Select(o => $"{o.Name.ToUpperInvariant()} {p.Name}"))
            .ToHashSet(StringComparer.Ordinal);

        // From the routes themselves: whoever adds one without a description, or leaves one out, hears of it here. Pages are for people.
        var mapped = app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is not { ExcludeFromDescription: true })
            .SelectMany(e => (e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["*"]).Select(m => $"{m} {Path(e)}"))
            .ToHashSet(StringComparer.Ordinal);
        Assert.Equal(mapped.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
        Assert.Contains("POST /v2/models/{model}/infer", described);
        Assert.Contains("POST /api/erasures", described);
        Assert.DoesNotContain(described, d => d.EndsWith(" /login", StringComparison.Ordinal));
        Assert.All(
            app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Where(e => Path(e).StartsWith("/api/", StringComparison.Ordinal)),
            e => Assert.Contains(Path(e), described.Select(d => d[(d.IndexOf(' ', StringComparison.Ordinal) + 1)..])));

        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in document.RootElement.GetProperty("paths").EnumerateObject())
        {
            foreach (var operation in path.Value.EnumerateObject())
            {
                var where = $"{operation.Name} {path.Name}";
                Assert.True(ids.Add(operation.Value.GetProperty("operationId").GetString()!), $"{where}: its operationId is another's too");
                Assert.True(operation.Value.TryGetProperty("summary", out var summary) && summary.GetString()!.Length > 10, $"{where}: says nothing about itself");
                Assert.True(operation.Value.TryGetProperty("tags", out _), $"{where}: has no tag");
                Assert.Contains(operation.Value.GetProperty("responses").EnumerateObject(), r => r.Name[0] == '2');
            }
        }

        // Who may call what.
        var erase = document.RootElement.GetProperty("paths").GetProperty("/api/erasures").GetProperty("post");
        Assert.Equal(2, erase.GetProperty("security").GetArrayLength());
        Assert.Contains("role admin", erase.GetProperty("description").GetString(), StringComparison.Ordinal);
        Assert.Equal(["apiKey", "bearer"], document.RootElement.GetProperty("components").GetProperty("securitySchemes").EnumerateObject().Select(s => s.Name));
        Assert.False(document.RootElement.GetProperty("paths").GetProperty("/health/live").GetProperty("get").TryGetProperty("security", out _));
    }

    [Fact]
    public async Task Description_IsTheSameEveryTime()
    {
        using var directory = new TemporaryDirectory();
        await using var one = DescribedHost.Build(directory.Path, Program.Modules);
        var first = await ApiDescription.WriteAsync(one, Token);
        using var elsewhere = new TemporaryDirectory();
        await using var two = DescribedHost.Build(elsewhere.Path, Program.Modules);
        Assert.Equal(first, await ApiDescription.WriteAsync(two, Token));
    }

    private static string Path(RouteEndpoint endpoint) => "/" + System.Text.RegularExpressions.Regex.Replace(endpoint.RoutePattern.RawText!.Trim('/'), @"\{\**([A-Za-z]+)[^}]*\}", "{$1}", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));
}
