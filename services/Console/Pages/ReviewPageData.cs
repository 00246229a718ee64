using Monitoring.Forensics;
using Monitoring.WebConsole.Samples;

namespace Monitoring.WebConsole.Pages;

/// <summary>What the page of a review queue shows.</summary>
/// <param name="Model">Model.</param>
/// <param name="Range">How far back.</param>
/// <param name="Number">Page, from 1.</param>
/// <param name="Rows">Rows to answer.</param>
/// <param name="Selection">What they were chosen from.</param>
/// <param name="Done">What was just done; empty for nothing.</param>
internal sealed record ReviewPageData(string Model, ReviewRange Range, int Number, IReadOnlyList<ReviewItem> Rows, ReviewSelection Selection, string Done);

/// <summary>A row to answer.</summary>
/// <param name="Row">Row.</param>
/// <param name="Sample">Its input as people see it.</param>
/// <param name="Classes">Names to choose from; empty where classes have no names; null where the answer is a number.</param>
internal sealed record ReviewItem(ReviewRow Row, SampleRow Sample, IReadOnlyList<string>? Classes);
