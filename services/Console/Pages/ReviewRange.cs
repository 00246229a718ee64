namespace Monitoring.WebConsole.Pages;

/// <summary>How far back the review queue looks.</summary>
/// <param name="Name">In the address.</param>
/// <param name="Title">On the page.</param>
/// <param name="Span">Length.</param>
internal sealed record ReviewRange(string Name, string Title, TimeSpan Span)
{
    public static readonly IReadOnlyList<ReviewRange> All =
    [
        new("1h", "last hour", TimeSpan.FromHours(1)),
        new("1d", "last day", TimeSpan.FromDays(1)),
        new("7d", "last week", TimeSpan.FromDays(7)),
    ];

    /// <summary>The range of this name; a day where there is none.</summary>
    public static ReviewRange Find(string? name) => All.FirstOrDefault(r => r.Name == name) ?? All[1];
}
