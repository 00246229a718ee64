namespace Monitoring.Replay.Search;

/// <summary>An expression that is not understood; says where and what was expected.</summary>
/// <param name="column">1-based position in the expression.</param>
/// <param name="message">What is wrong.</param>
internal sealed class QueryException(int column, string message) : Exception($"column {column}: {message}")
{
    public int Column { get; } = column;
}
