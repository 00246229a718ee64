using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Monitoring.Hosting;

/// <summary>What follows from an endpoint's metadata and is not said at every endpoint: its id, who may call it, the parts of its path.</summary>
internal sealed partial class OperationDescription : IOpenApiOperationTransformer
{
    public const string ApiKey = "apiKey";
    public const string Bearer = "bearer";

    public async Task TransformAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancellationToken)
    {
        var path = context.Description.RelativePath ?? "";
        operation.OperationId ??= IdOf(context.Description.HttpMethod ?? "", path);

        // Handlers that read the request themselves declare no parameters.
        operation.Parameters ??= [];
        foreach (Match part in PathPart().Matches(path))
        {
            var name = part.Groups[1].Value;
            if (!operation.Parameters.Any(p => p.In == ParameterLocation.Path && p.Name == name))
            {
                operation.Parameters.Add(new OpenApiParameter { Name = name, In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String } });
            }
        }

        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        if (metadata.OfType<DescribedBody>().LastOrDefault() is { } body)
        {
            var name = body.Type.Name;
            context.Document!.AddComponent(name, await context.GetOrCreateSchemaAsync(body.Type, null, cancellationToken).ConfigureAwait(false));
            var one = new OpenApiSchemaReference(name, context.Document);
            IOpenApiSchema schema = body.OrMany ? new OpenApiSchema { OneOf = [one, new OpenApiSchema { Type = JsonSchemaType.Array, Items = one }] } : one;
            operation.RequestBody = new OpenApiRequestBody { Required = true, Content = body.ContentTypes.ToDictionary(t => t, _ => new OpenApiMediaType { Schema = schema }) };
        }

        if (metadata.OfType<IAllowAnonymous>().Any() || metadata.OfType<IAuthorizeData>().LastOrDefault(a => a.Policy is not null)?.Policy is not { } role)
        {
            return;
        }

        operation.Security =
        [
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(ApiKey, context.Document)] = [] },
            new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Bearer, context.Document)] = [] },
        ];
        operation.Description = $"{operation.Description}{(string.IsNullOrEmpty(operation.Description) ? "" : " ")}Needs the role {role}{(role == Policies.Admin ? "" : " or admin")}.";
        operation.Responses ??= [];
        operation.Responses.TryAdd("401", new OpenApiResponse { Description = "The key or token is missing or unknown." });
        operation.Responses.TryAdd("403", new OpenApiResponse { Description = $"The caller lacks the role {role}, or is not for that model." });
    }

    /// <summary><c>POST api/incidents/{id}/note</c> is <c>postApiIncidentsByIdNote</c>: stays as long as the path does.</summary>
    private static string IdOf(string method, string path)
    {
        var id = new StringBuilder(method.ToLower(CultureInfo.InvariantCulture));
        foreach (var word in Words().Matches(path.Replace("{", "by-", StringComparison.Ordinal)).Select(m => m.Value))
        {
            id.Append(char.ToUpperInvariant(word[0])).Append(word, 1, word.Length - 1);
        }

        return id.ToString();
    }

    [GeneratedRegex(@"\{([A-Za-z]+)[^}]*\}", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex PathPart();

    [GeneratedRegex("[A-Za-z0-9]+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Words();
}
