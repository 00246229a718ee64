using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Monitoring.Hosting;

/// <summary>
/// <c>GET /openapi.json</c>: the HTTP API as an OpenAPI 3.0 document, made from the endpoints of this process. The one of all services is <c>docs/reference/openapi.json</c>.
/// </summary>
public static class ApiDescription
{
    /// <summary>Where it is served. Anyone may read it: it holds nothing of this installation.</summary>
    public const string Address = "/openapi.json";

    /// <summary>3.0 and not 3.1: more generators of clients read it, and nothing here needs the newer one.</summary>
    private const OpenApiSpecVersion Version = OpenApiSpecVersion.OpenApi3_0;

    private const string Name = "v1";

    internal static void AddApiDescription(this IServiceCollection services) => services.AddOpenApi(Name, options =>
    {
        options.OpenApiVersion = Version;
        options.AddOperationTransformer<OperationDescription>();
        options.AddSchemaTransformer((schema, _, _) =>
        {
            // The reader of JSON also takes numbers in quotes; a description that offers both makes clients with a type for neither.
            if (schema.Type is { } type && type.HasFlag(JsonSchemaType.String) && (type & (JsonSchemaType.Integer | JsonSchemaType.Number)) != 0)
            {
                schema.Type = type & ~JsonSchemaType.String;
                schema.Pattern = null;
            }

            return Task.CompletedTask;
        });
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = "Monitoring",
                Version = typeof(ApiDescription).Assembly.GetName().Version!.ToString(3),
                Description = "Calls of models (Open Inference Protocol v2), events of other model servers, incidents, responses, labels, explanations, evidence. Without api.keys and OIDC nothing asks for a credential. Gateways ask under /gateway, in the form that nginx and Envoy fix.",
                License = new OpenApiLicense { Name = "Apache-2.0", Identifier = null },
            };
            document.Servers = [];
            document.Tags = document.Tags?.OrderBy(t => t.Name, StringComparer.Ordinal).ToHashSet();
            document.AddComponent(OperationDescription.ApiKey, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.ApiKey,
                In = ParameterLocation.Header,
                Name = ApiKeyAuthentication.HeaderName,
                Description = "A key of api.keys.",
            });
            document.AddComponent(OperationDescription.Bearer, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A key of api.keys, or a token of the OpenID Connect issuer in api.oidc.",
            });
            return Task.CompletedTask;
        });
    });

    internal static void MapApiDescription(this IEndpointRouteBuilder endpoints) => endpoints.MapOpenApi(Address).AllowAnonymous();

    /// <summary>The document of a host that is never started: its text, the same for the same endpoints.</summary>
    public static async Task<string> WriteAsync(WebApplication app, CancellationToken cancellationToken)
    {
        // Started, a host does this itself; without it the endpoints that were mapped are not known yet.
        app.UseRouting();
        app.UseEndpoints(_ => { });
        var document = await app.Services.GetRequiredKeyedService<IOpenApiDocumentProvider>(Name).GetOpenApiDocumentAsync(cancellationToken).ConfigureAwait(false);
        using var text = new StringWriter(new StringBuilder(), System.Globalization.CultureInfo.InvariantCulture) { NewLine = "\n" };
        document.SerializeAs(Version, new OpenApiJsonWriter(text));
        return text.ToString().ReplaceLineEndings("\n") + "\n";
    }
}
