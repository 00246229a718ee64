using System.Globalization;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Monitoring.EventLog;
using Monitoring.Forensics;
using Monitoring.Hosting.Configuration;
using Monitoring.Incidents;
using Monitoring.WebConsole.Access;
using Monitoring.WebConsole.Markup;
using Monitoring.WebConsole.Pages;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole;

/// <summary>The review queue of a model: rows worth a label, with their inputs; answers become <c>feedback</c> with their author.</summary>
internal sealed class ReviewEndpoints(
    ReviewDesk desk,
    SampleReader samples,
    IncidentActions actions,
    PageForms forms,
    LoadedConfiguration configuration,
    TimeProvider time)
{
    private const int RowsOnAPage = 12;
    private const int MaxPage = 40;
    private const int RowsOfCsv = 400;

    public void Map(IEndpointRouteBuilder endpoints)
    {
        var view = endpoints.MapGroup("/models/{name}").RequireAuthorization(p => PageEndpoints.Require(p, u => u.MayView())).ExcludeFromDescription();
        view.MapGet("/review", PageAsync);
        view.MapGet("/review.csv", CsvAsync);
        view.MapGet("/review/{file}", PictureAsync);
        endpoints.MapGroup("/models/{name}").RequireAuthorization(p => PageEndpoints.Require(p, u => u.MayRespond())).WithMetadata(new FormLimit(PageForms.MaxBytes)).ExcludeFromDescription()
            .MapPost("/review", AnswerAsync);
    }

    private async Task<IResult> PageAsync(HttpContext context, string name, string? range, int? page, string? done, CancellationToken cancellationToken)
    {
        if (!IsOpen(context, name, out var actor))
        {
            return Missing(context);
        }

        var span = ReviewRange.Find(range);
        var number = Math.Clamp(page ?? 1, 1, MaxPage);
        ReviewSelection selection;
        try
        {
            selection = await SelectAsync(name, span, RowsOnAPage * number, cancellationToken).ConfigureAwait(false);
        }
        catch (EventLogException e)
        {
            return MessagePage.Of(context, StatusCodes.Status503ServiceUnavailable, "The event log does not answer", e.Message, $"/models/{Uri.EscapeDataString(name)}");
        }

        // What is on the pages before this one is not on this one.
        var before = number == 1 ? [] : selection.Queue.Choose(RowsOnAPage * (number - 1)).Select(r => (r.EventId, r.Row)).ToHashSet();
        var rows = new List<ReviewItem>();
        foreach (var row in selection.Queue.Choose(RowsOnAPage * number).Where(r => !before.Contains((r.EventId, r.Row))).Take(RowsOnAPage))
        {
            if (await desk.FindAsync(row.Position, cancellationToken).ConfigureAwait(false) is { } call)
            {
                rows.Add(new ReviewItem(row, samples.Read(call, row.EventId, row.Row), samples.Classes(call)));
            }
        }

        if (rows.Count(r => r.Sample.Cells.Count > 0) is > 0 and var shown)
        {
            await actions.RecordAsync(actor, "evidence.read", $"{name}/review", "done", $"{shown} events in the review queue", cancellationToken).ConfigureAwait(false);
        }

        return ReviewPage.Of(context, new ReviewPageData(name, span, number, rows, selection, done is "0" ? "Nothing was answered." : int.TryParse(done, NumberStyles.None, CultureInfo.InvariantCulture, out var saved) ? $"{saved} saved. They are feedback with your name." : ""));
    }

    private async Task<IResult> CsvAsync(HttpContext context, string name, string? range, CancellationToken cancellationToken)
    {
        if (!IsOpen(context, name, out _))
        {
            return Missing(context);
        }

        var selection = await SelectAsync(name, ReviewRange.Find(range), RowsOfCsv, cancellationToken).ConfigureAwait(false);
        HtmlResult.Secure(context.Response);
        return Results.File(System.Text.Encoding.UTF8.GetBytes(ReviewCsv.Write(selection.Queue.Choose(RowsOfCsv))), "text/csv", $"{name}-review.csv");
    }

    /// <summary><c>PARTITION@OFFSET-ROW.png</c>. A payload is what a client sent: looking at it is audited, whether it was there or not.</summary>
    private async Task<IResult> PictureAsync(HttpContext context, string name, string file, CancellationToken cancellationToken)
    {
        const string extension = ".png";
        byte[]? png = null;
        var open = IsOpen(context, name, out var actor);
        if (open
            && file.EndsWith(extension, StringComparison.Ordinal)
            && file[..^extension.Length].Split('-') is [var place, var rowText]
            && EventPosition.TryParse(place, out var position)
            && int.TryParse(rowText, NumberStyles.None, CultureInfo.InvariantCulture, out var row)
            && await desk.FindAsync(position, cancellationToken).ConfigureAwait(false) is { } call
            && call.Model == name)
        {
            png = samples.Picture(call, row);
        }

        await actions.RecordAsync(actor, "evidence.read", $"{name}/review/{(file.Length > 60 ? file[..60] : file)}", png is null ? "refused" : "done", "picture", cancellationToken).ConfigureAwait(false);
        HtmlResult.Secure(context.Response);
        return png is null ? Results.NotFound() : Results.Bytes(png, "image/png");
    }

    private async Task<IResult> AnswerAsync(HttpContext context, string name, CancellationToken cancellationToken)
    {
        var page = $"/models/{Uri.EscapeDataString(name)}/review";
        if (await forms.ReadAsync(context, cancellationToken).ConfigureAwait(false) is not { } form)
        {
            return PageForms.Forged(context, page);
        }

        if (!IsOpen(context, name, out var actor) || !actor.MayAct(name))
        {
            return Missing(context);
        }

        var (answers, problem) = Read(form);
        if (problem is null && answers.Count == 0)
        {
            return PageForms.SeeOther($"{page}?range={ReviewRange.Find(form["range"]).Name}&done=0");
        }

        try
        {
            problem ??= await desk.AnswerAsync(name, samples.Known(name)?.Schema, answers, actor.Name, cancellationToken).ConfigureAwait(false);
        }
        catch (EventLogException e)
        {
            problem = $"the event log does not answer: {e.Message}";
        }

        await actions.RecordAsync(actor, "feedback.write", name, problem is null ? "done" : "refused", problem ?? $"{answers.Count} labels in the review queue", cancellationToken).ConfigureAwait(false);
        return problem is null
            ? PageForms.SeeOther($"{page}?range={ReviewRange.Find(form["range"]).Name}&done={answers.Count.ToString(CultureInfo.InvariantCulture)}")
            : MessagePage.Of(context, StatusCodes.Status400BadRequest, "Nothing was saved", problem, page);
    }

    /// <summary>The answers of a form; rows without one are left out.</summary>
    private static (List<ReviewAnswer> Answers, string? Problem) Read(IFormCollection form)
    {
        var answers = new List<ReviewAnswer>();
        for (var i = 0; i < RowsOnAPage; i++)
        {
            var said = form[$"answer{i}"].ToString().Trim();
            if (said.Length == 0)
            {
                continue;
            }

            if (!EventPosition.TryParse(form[$"position{i}"], out var position) || !int.TryParse(form[$"row{i}"], NumberStyles.None, CultureInfo.InvariantCulture, out var row))
            {
                return (answers, "the form is not one of ours");
            }

            var isNumber = form[$"kind{i}"] == "number";
            if (isNumber && !double.TryParse(said, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            {
                return (answers, $"'{said}' is no number");
            }

            answers.Add(new ReviewAnswer(position, form[$"event{i}"].ToString(), row, isNumber ? null : said, isNumber ? double.Parse(said, NumberStyles.Float, CultureInfo.InvariantCulture) : null));
        }

        return (answers, null);
    }

    private Task<ReviewSelection> SelectAsync(string model, ReviewRange range, int count, CancellationToken cancellationToken) => desk.SelectAsync(
        new ReviewRequest { Model = model, Schema = samples.Known(model)?.Schema, From = TimeText.ToUnixNano(time.GetUtcNow() - range.Span), Count = count },
        cancellationToken);

    private bool IsOpen(HttpContext context, string model, out Actor actor)
    {
        actor = Actor.Of(context.User);
        return configuration.Value.Models.Any(m => m.Name == model) && actor.MaySee(model);
    }

    private static IResult Missing(HttpContext context) =>
        MessagePage.Of(context, StatusCodes.Status404NotFound, "No such model", "There is no model of this name, or this key is for others.", "/models");
}
