using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Monitoring.Hosting;

/// <summary>
/// Whoever is refused is told why, also where no endpoint had a say, because nothing is there, a parameter cannot be read, or we failed: under <c>/api</c> as problem details (RFC 9457), elsewhere as <see cref="ApiError"/>, as the
/// endpoints there do.
/// </summary>
internal static partial class ErrorAnswers
{
    /// <summary>Parameters that cannot be read are told to <see cref="UseErrorAnswers"/> instead of being answered with nothing.</summary>
    public static void AddErrorAnswers(this IServiceCollection services) => services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);

    /// <summary>Before everything else of the pipeline.</summary>
    public static void UseErrorAnswers(this WebApplication app)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(ErrorAnswers).FullName!);
        app.Use(async (context, next) =>
        {
            try
            {
                await next(context).ConfigureAwait(false);
            }
            catch (BadHttpRequestException e) when (!context.Response.HasStarted)
            {
                await AnswerAsync(context, e.StatusCode, Words(e)).ConfigureAwait(false);
            }
            catch (Exception e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
            {
                LogFailed(logger, e, context.Request.Method, context.Request.Path);
                await AnswerAsync(context, StatusCodes.Status500InternalServerError, "this failed here, and is in the log").ConfigureAwait(false);
            }

            if (context.Response is { HasStarted: false, StatusCode: 404 or 405, ContentType: null, ContentLength: null })
            {
                var (method, path) = (context.Request.Method, context.Request.Path);
                await AnswerAsync(context, context.Response.StatusCode, context.Response.StatusCode == 405 ? $"{path} does not take {method}" : $"there is no {method} {path}").ConfigureAwait(false);
            }
        });
    }

    /// <summary>The framework's message without its names of types: <c>'limit' cannot be 'abc'</c>.</summary>
    private static string Words(BadHttpRequestException failure) =>
        Unreadable().Match(failure.Message) is { Success: true } unreadable ? $"'{unreadable.Groups[1].Value}' cannot be '{unreadable.Groups[2].Value}'"
        : Missing().Match(failure.Message) is { Success: true } missing ? $"'{missing.Groups[1].Value}' is missing"
        : failure.InnerException is JsonException json ? $"malformed JSON: {json.Message}"
        : failure.Message;

    private static Task AnswerAsync(HttpContext context, int status, string why)
    {
        IResult answer = context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal) ? Results.Problem(why, statusCode: status) : Results.Json(new ApiError(why), statusCode: status);
        return answer.ExecuteAsync(context);
    }

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (\\w+)\" from \"(.*)\"\\.$", RegexOptions.Singleline, 1000)]
    private static partial Regex Unreadable();

    [GeneratedRegex("^Required parameter \"\\S+ (\\w+)\" was not provided", RegexOptions.None, 1000)]
    private static partial Regex Missing();

    [LoggerMessage(1401, LogLevel.Error, "{Method} {Path} failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, string path);
}
