namespace Monitoring.Hosting;

/// <summary>Why a request was refused, in the form of the Open Inference Protocol.</summary>
/// <param name="Error">For people.</param>
public sealed record ApiError(string Error);
