using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Serialization;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;

namespace Monitoring.Replay.Feedback;

/// <summary><c>POST /feedback</c>: true labels, late. <c>POST /changes</c>: deployments, data jobs. One object or an array; all or nothing is checked before anything is appended.</summary>
internal static class FeedbackEndpoints
{
    private const int MaxItems = 10_000;
    private const int MaxText = 2000;

    private static readonly string[] s_kinds = ["deployment", "rollback", "data", "profile", "configuration", "other"];

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    public static void MapFeedback(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapPost("/feedback", PostFeedbackAsync).RequireAuthorization(Policies.Publish).WithTags("feedback").WithSummary("True labels or values of calls, late: one or an array of up to 10,000, taken whole or not at all.").DescribeBody(typeof(FeedbackItem), orMany: true).Produces<AcceptedView>().ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status503ServiceUnavailable);
        endpoints.MapPost("/changes", PostChangesAsync).RequireAuthorization(Policies.Publish).WithTags("feedback").WithSummary("Deployments, data jobs and the like, shown beside every curve: one or an array of up to 10,000.").DescribeBody(typeof(ChangeItem), orMany: true).Produces<AcceptedView>().ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status503ServiceUnavailable);
    }

    /// <param name="Accepted">How many.</param>
    /// <param name="Ids">Their ids, in order.</param>
    internal sealed record AcceptedView(int Accepted, IReadOnlyList<string> Ids);

    internal sealed record FeedbackItem(string? Id, string? Model, string? EventId, string? RequestId, int Row, JsonElement? Label, double? Value, string? Author, DateTimeOffset? Time);

    internal sealed record ChangeItem(string? Id, string? Model, string? Kind, string? Summary, string? Author, string? Link, DateTimeOffset? Time, Dictionary<string, string>? Attributes);

    private static Task<IResult> PostFeedbackAsync(HttpRequest request, ClaimsPrincipal user, IEventLog log, TimeProvider time, CancellationToken cancellationToken) =>
        PostAsync<FeedbackItem>(request, log, Topics.Feedback, EventTypes.Feedback, (item, where) => Read(item, where, user, time), cancellationToken);

    private static Task<IResult> PostChangesAsync(HttpRequest request, ClaimsPrincipal user, IEventLog log, TimeProvider time, CancellationToken cancellationToken) =>
        PostAsync<ChangeItem>(request, log, Topics.Changes, EventTypes.Change, (item, where) => Read(item, where, user, time), cancellationToken);

    private static async Task<IResult> PostAsync<T>(HttpRequest request, IEventLog log, string topic, string type, Func<T, string, (string Id, string Model, long Time, IMessage Message)> read, CancellationToken cancellationToken)
    {
        var records = new List<LogRecord>();
        var ids = new List<string>();
        try
        {
            using var body = await JsonDocument.ParseAsync(request.Body, new JsonDocumentOptions { MaxDepth = 8 }, cancellationToken).ConfigureAwait(false);
            var isList = body.RootElement.ValueKind == JsonValueKind.Array;
            var items = isList ? [.. body.RootElement.EnumerateArray()] : new List<JsonElement> { body.RootElement };
            if (items.Count is 0 or > MaxItems)
            {
                throw new UsageException($"1 to {MaxItems} entries expected, found {items.Count}");
            }

            for (var i = 0; i < items.Count; i++)
            {
                var where = isList ? $"entry {i}: " : "";
                var item = items[i].ValueKind == JsonValueKind.Object ? items[i].Deserialize<T>(s_json)! : throw new UsageException($"{where}an object expected");
                var (id, model, unixNano, message) = read(item, where);
                ids.Add(id);
                records.Add(ApiRecord.Of(type, id, model, unixNano, message, topic == Topics.Changes ? 0 : null));
            }
        }
        catch (Exception e) when (e is JsonException or UsageException)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status400BadRequest);
        }
        catch (UnauthorizedAccessException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status403Forbidden);
        }

        try
        {
            await log.AppendAsync(topic, records, cancellationToken).ConfigureAwait(false);
        }
        catch (EventLogException e) when (e.IsTransient)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }

        return Results.Json(new AcceptedView(ids.Count, ids));
    }

    private static (string Id, string Model, long Time, IMessage Message) Read(FeedbackItem item, string where, ClaimsPrincipal user, TimeProvider time)
    {
        Require(item.Model, where, "model");
        CheckAllowed(user, item.Model!, where);
        if (string.IsNullOrEmpty(item.EventId) == string.IsNullOrEmpty(item.RequestId))
        {
            throw new UsageException($"{where}exactly one of eventId and requestId is needed: it says which call the label is for");
        }

        if (item.Label is null == item.Value is null)
        {
            throw new UsageException($"{where}exactly one of label (a class) and value (a number) is needed");
        }

        if (item.Row < 0)
        {
            throw new UsageException($"{where}row must be 0 or more");
        }

        var unixNano = TimeOf(item.Time, time);
        var message = new Contracts.Feedback
        {
            Id = item.Id ?? Guid.NewGuid().ToString("N"),
            TimeUnixNano = unixNano,
            Model = item.Model!,
            EventId = Limited(item.EventId, where, "eventId"),
            RequestId = Limited(item.RequestId, where, "requestId"),
            Row = item.Row,
            Author = user.Identity?.Name ?? Limited(item.Author, where, "author"),
        };
        if (item.Value is { } value)
        {
            message.Value = double.IsFinite(value) ? value : throw new UsageException($"{where}value must be a finite number");
        }
        else
        {
            message.Label = item.Label!.Value.ValueKind switch
            {
                JsonValueKind.String => Limited(item.Label.Value.GetString(), where, "label"),
                JsonValueKind.Number => item.Label.Value.GetRawText(),
                _ => throw new UsageException($"{where}label must be a class name or a number"),
            };
        }

        return (message.Id, message.Model, unixNano, message);
    }

    private static (string Id, string Model, long Time, IMessage Message) Read(ChangeItem item, string where, ClaimsPrincipal user, TimeProvider time)
    {
        Require(item.Summary, where, "summary");
        CheckAllowed(user, item.Model ?? "", where);
        if (item.Kind is null || !s_kinds.Contains(item.Kind, StringComparer.Ordinal))
        {
            throw new UsageException($"{where}kind must be one of {string.Join(", ", s_kinds)}");
        }

        if (item.Link is { } link && !(Uri.TryCreate(link, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"))
        {
            throw new UsageException($"{where}link must be an http or https address");
        }

        var unixNano = TimeOf(item.Time, time);
        var message = new Change
        {
            Id = item.Id ?? Guid.NewGuid().ToString("N"),
            TimeUnixNano = unixNano,
            Model = item.Model ?? "",
            Kind = item.Kind,
            Summary = Limited(item.Summary, where, "summary"),
            Author = user.Identity?.Name ?? Limited(item.Author, where, "author"),
            Link = item.Link ?? "",
        };
        message.Attributes.AddRange((item.Attributes ?? []).OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => new Contracts.Attribute { Key = a.Key, Value = Limited(a.Value, where, a.Key) }));
        return (message.Id, message.Model, unixNano, message);
    }

    /// <summary>Labels decide what a model's performance is: who is limited to some models says nothing about the others.</summary>
    private static void CheckAllowed(ClaimsPrincipal user, string model, string where)
    {
        if (!user.May(Policies.Publish, model))
        {
            throw new UnauthorizedAccessException($"{where}this key is not for {(model.Length > 0 ? $"model '{model}'" : "all models")}");
        }
    }

    private static long TimeOf(DateTimeOffset? given, TimeProvider time) => TimeText.ToUnixNano(given ?? time.GetUtcNow());

    private static void Require(string? text, string where, string name)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            throw new UsageException($"{where}{name} is missing");
        }
    }

    private static string Limited(string? text, string where, string name) =>
        text is { Length: > MaxText } ? throw new UsageException($"{where}{name} is longer than {MaxText} characters") : text ?? "";
}
