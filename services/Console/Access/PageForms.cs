using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http;
using Monitoring.WebConsole.Markup;
using Monitoring.WebConsole.Pages;

namespace Monitoring.WebConsole.Access;

/// <summary>Reads forms and answers them: every form carries a token against forgery, and what it did is shown after a redirect.</summary>
internal sealed class PageForms(IAntiforgery antiforgery)
{
    /// <summary>Largest form, bytes.</summary>
    public const long MaxBytes = 64 * 1024;

    /// <summary>The form, where it carries the token that this reader's page was given; null for all others, oversized ones too.</summary>
    public async Task<IFormCollection?> ReadAsync(HttpContext context, CancellationToken cancellationToken)
    {
        try
        {
            if (!context.Request.HasFormContentType)
            {
                return null;
            }

            var form = await context.Request.ReadFormAsync(cancellationToken).ConfigureAwait(false);
            return await antiforgery.IsRequestValidAsync(context).ConfigureAwait(false) ? form : null;
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    public static IResult Forged(HttpContext context, string back) =>
        MessagePage.Of(context, StatusCodes.Status400BadRequest, "Please try again", "The form did not come from a page of ours, or the page was open for too long. Nothing was done.", back);

    /// <summary>303: the browser gets the page again instead of sending the form again.</summary>
    public static IResult SeeOther(string path) => new SeeOtherResult(path);
}
