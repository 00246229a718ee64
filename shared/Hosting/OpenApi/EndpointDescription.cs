using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;

namespace Monitoring.Hosting;

/// <summary>Describes endpoints whose handlers take the bare <see cref="HttpContext"/>, of which the framework knows nothing.</summary>
public static class EndpointDescription
{
    private static readonly MethodInfo s_handler = typeof(EndpointDescription).GetMethod(nameof(Handler), BindingFlags.NonPublic | BindingFlags.Static)!;

    /// <summary>Puts the endpoint into the API's description.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="summary">What it does, in one line.</param>
    /// <param name="tag">Where it is listed.</param>
    /// <param name="status">Status of success.</param>
    /// <param name="response">Body of success; none when null.</param>
    /// <param name="request">Body of the request; none when null.</param>
    /// <param name="contentTypes">Of the request; JSON when empty. Described only: the handler decides what it takes, whatever a caller says it is.</param>
    public static TBuilder Describe<TBuilder>(this TBuilder builder, string summary, string tag, int status = StatusCodes.Status200OK, Type? response = null, Type? request = null, params string[] contentTypes)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.WithSummary(summary).WithTags(tag).WithMetadata(s_handler, response is null ? new ProducesResponseTypeMetadata(status, typeof(void)) : new ProducesResponseTypeMetadata(status, response, ["application/json"]));
        return request is null ? builder : builder.DescribeBody(request, orMany: false, contentTypes);
    }

    /// <summary>Describes the body that the handler reads itself.</summary>
    /// <param name="builder">The endpoint.</param>
    /// <param name="type">One entry.</param>
    /// <param name="orMany">One, or an array of them.</param>
    /// <param name="contentTypes">JSON when empty.</param>
    public static TBuilder DescribeBody<TBuilder>(this TBuilder builder, Type type, bool orMany, params string[] contentTypes)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata(new DescribedBody(type, orMany, contentTypes.Length == 0 ? ["application/json"] : contentTypes));

    /// <summary>What a status other than success carries: <see cref="ApiError"/>.</summary>
    public static TBuilder ProducesError<TBuilder>(this TBuilder builder, params int[] statuses)
        where TBuilder : IEndpointConventionBuilder =>
        builder.WithMetadata([.. statuses.Select(s => new ProducesResponseTypeMetadata(s, typeof(ApiError), ["application/json"]))]);

    /// <summary>The method that stands for such handlers in metadata: nothing in it but the context.</summary>
    private static Task Handler(HttpContext context) => Task.FromResult(context);
}
