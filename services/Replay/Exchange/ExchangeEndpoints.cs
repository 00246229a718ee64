using System.Globalization;
using System.IO.Compression;
using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Exchange;

/// <summary>
/// <c>GET /api/review</c>: the review queue, as JSON or as CSV; answers come back by <c>POST /api/review</c>, whose author is the caller. <c>GET /api/export</c>:
/// what a training pipeline fetches when a message has started it.
/// </summary>
internal static class ExchangeEndpoints
{
    private const int MaxReview = 1000;

    /// <summary>The answer is made in memory; the verb takes more.</summary>
    private const int ExportedRows = 200_000;
    private static readonly TimeSpan s_recent = TimeSpan.FromDays(1);

    public static void MapExchange(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/api/review", ReviewAsync).RequireAuthorization(Policies.View).WithTags("feedback").WithSummary("Rows worth a label: uncertain, outlying, flagged and a random sample; as JSON or CSV. Answers go to POST /api/review.").Produces<ReviewView>().ProducesError(StatusCodes.Status400BadRequest);

        endpoints.MapPost("/api/review", AnswerAsync).RequireAuthorization(Policies.Respond).WithTags("feedback").WithSummary("Answers to the review queue: labels with the caller as their author, taken whole or not at all.").Produces<AnsweredView>().ProducesError(StatusCodes.Status400BadRequest, StatusCodes.Status503ServiceUnavailable);

        // The rows themselves: what clients sent.
        endpoints.MapGet("/api/export", ExportAsync).RequireAuthorization(Policies.Respond).WithTags("feedback").WithSummary("Rows, predictions, labels and flags of a range, split by time, with manifest and hashes.").Produces<byte[]>(StatusCodes.Status200OK, "application/zip").ProducesError(StatusCodes.Status400BadRequest);
    }

    private static async Task<IResult> ReviewAsync(string? model, int? count, int? seed, string? from, string? to, string? format, ClaimsPrincipal user, LoadedConfiguration configuration, IEventLog log, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            var chosen = Find(configuration, model, user, Policies.View);
            var wanted = count ?? 40;
            if (wanted is < 4 or > MaxReview)
            {
                throw new UsageException($"count: 4 to {MaxReview}");
            }

            // Without a range the last day: a page must not read the whole log.
            var start = ForensicContext.Time(from, TimeText.ToUnixNano(time.GetUtcNow() - s_recent), "from");
            var selection = await new ReviewDesk(log, time).SelectAsync(
                new ReviewRequest
                {
                    Model = chosen,
                    Schema = ForensicContext.ReadSchemas(configuration).GetValueOrDefault(chosen),
                    From = start,
                    To = ForensicContext.Time(to, long.MaxValue, "to"),
                    Count = wanted,
                    Seed = seed ?? 0,
                },
                cancellationToken).ConfigureAwait(false);
            var queue = selection.Queue.Choose(wanted);
            return format switch
            {
                null or "json" => Results.Ok(new ReviewView(chosen, TimeText.Format(start), selection.Truncated, selection.Labelled, [.. queue.Select(ReviewRowView.Of)])),
                "csv" => Results.Text(ReviewCsv.Write(queue), "text/csv"),
                _ => throw new UsageException("format: json or csv"),
            };
        }
        catch (UsageException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status400BadRequest);
        }
        catch (UnauthorizedAccessException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status403Forbidden);
        }
    }

    private static async Task<IResult> AnswerAsync(AnswersBody body, ClaimsPrincipal user, LoadedConfiguration configuration, IEventLog log, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            var chosen = Find(configuration, body.Model, user, Policies.Respond);
            var answers = (body.Answers ?? []).Select(a => new ReviewAnswer(
                EventPosition.TryParse(a.Position, out var position) ? position : throw new UsageException($"position: '{a.Position}' is not PARTITION@OFFSET, as the queue gives it"),
                a.EventId ?? "",
                a.Row,
                a.Label,
                a.Value)).ToList();
            var problem = await new ReviewDesk(log, time).AnswerAsync(chosen, ForensicContext.ReadSchemas(configuration).GetValueOrDefault(chosen), answers, user.Identity?.Name ?? "unknown", cancellationToken).ConfigureAwait(false);
            return problem is null ? Results.Ok(new AnsweredView(answers.Count)) : throw new UsageException(problem);
        }
        catch (UsageException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status400BadRequest);
        }
        catch (UnauthorizedAccessException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status403Forbidden);
        }
        catch (EventLogException e) when (e.IsTransient)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    /// <param name="Model">Model; not needed when only one is configured.</param>
    /// <param name="Answers">1 to 1,000.</param>
    internal sealed record AnswersBody(string? Model, IReadOnlyList<AnswerItem>? Answers);

    /// <param name="Position">Where the event lies, as the queue gives it.</param>
    /// <param name="EventId">Event.</param>
    /// <param name="Row">Row within it.</param>
    /// <param name="Label">Class by name or index; or</param>
    /// <param name="Value">a number.</param>
    internal sealed record AnswerItem(string? Position, string? EventId, int Row, string? Label, double? Value);

    /// <param name="Accepted">How many.</param>
    internal sealed record AnsweredView(int Accepted);

    private static async Task<IResult> ExportAsync(string? model, string? from, string? to, string? split, bool? labelled, ClaimsPrincipal user, LoadedConfiguration configuration, IEventLog log, CancellationToken cancellationToken)
    {
        try
        {
            var chosen = Find(configuration, model, user, Policies.Respond);
            var share = 0.8;
            if (split is not null && !(double.TryParse(split, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out share) && share is >= 0 and <= 1))
            {
                throw new UsageException("split: a number from 0 to 1");
            }

            var schemas = ForensicContext.ReadSchemas(configuration);
            var (rows, truncated) = await ExchangeRow.ReadAllAsync(log, schemas, chosen, ForensicContext.Time(from, 0, "from"), ForensicContext.Time(to, long.MaxValue, "to"), ExportedRows, cancellationToken).ConfigureAwait(false);
            var dataset = Dataset.Create(labelled == true ? [.. rows.Where(r => r.Truth.Length > 0)] : rows, chosen, schemas.GetValueOrDefault(chosen), share, configuration.Sha256, truncated);
            return Results.File(Zip(dataset), "application/zip", $"{chosen}-export.zip");
        }
        catch (UsageException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status400BadRequest);
        }
        catch (UnauthorizedAccessException e)
        {
            return Results.Json(new { error = e.Message }, statusCode: StatusCodes.Status403Forbidden);
        }
    }

    private static byte[] Zip(Dataset dataset)
    {
        using var output = new MemoryStream();
        using (var zip = new ZipArchive(output, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, bytes) in dataset.Files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        }

        return output.ToArray();
    }

    /// <summary>The model asked for; the only one where there is one.</summary>
    private static string Find(LoadedConfiguration configuration, string? model, ClaimsPrincipal user, string role)
    {
        var names = configuration.Value.Models.Select(m => m.Name).ToList();
        var chosen = model ?? (names is [var only] ? only : throw new UsageException($"model: one of {string.Join(", ", names)}"));
        if (!names.Contains(chosen, StringComparer.Ordinal))
        {
            throw new UsageException($"model: '{chosen}' is not configured; models are {string.Join(", ", names)}");
        }

        return user.May(role, chosen)
            ? chosen
            : throw new UnauthorizedAccessException($"this key is not for model '{chosen}'");
    }
}
