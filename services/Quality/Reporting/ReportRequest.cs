namespace Monitoring.Quality.Reporting;

/// <summary>What <c>report</c> was asked for.</summary>
internal sealed record ReportRequest
{
    public string? Reference { get; init; }

    public string? Data { get; init; }

    public string? Labels { get; init; }

    public string? ReferenceLabels { get; init; }

    public string? Schema { get; init; }

    public string? Onnx { get; init; }

    public required string Config { get; init; }

    public string? Model { get; init; }

    public string? Range { get; init; }

    public ReportObjective? Objective { get; init; }

    public required ReportColumns Columns { get; init; }
}
