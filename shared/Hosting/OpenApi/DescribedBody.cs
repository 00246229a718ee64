namespace Monitoring.Hosting;

/// <summary>
/// The body of a request whose handler reads it itself. Not the framework's own metadata for that: with it, routing refuses calls whose content type is another one,
/// such as the one that curl sends.
/// </summary>
/// <param name="Type">One entry.</param>
/// <param name="OrMany">One, or an array of them.</param>
/// <param name="ContentTypes">What it may be.</param>
internal sealed record DescribedBody(Type Type, bool OrMany, IReadOnlyList<string> ContentTypes);
