using System.Text;
using Monitoring.Contracts;
using Monitoring.EventLog;

namespace Monitoring.Detection;

/// <summary>A true label between the rows of a batch.</summary>
/// <param name="RowsBefore">Rows of the batch that come before it in the log.</param>
/// <param name="Label">What was said.</param>
/// <param name="Offset">Its input offset.</param>
/// <param name="TimeUnixNano">Its log time.</param>
public sealed record RowLabel(int RowsBefore, TrueLabel Label, long Offset, long TimeUnixNano)
{
    private static readonly byte[] s_type = Encoding.UTF8.GetBytes(EventTypes.Label);

    /// <summary>Whether the record is one. Only its header says so: no caller of a model can write that.</summary>
    internal static bool Is(LogEntry entry)
    {
        for (var i = 0; i < entry.Headers.Count; i++)
        {
            if (string.Equals(entry.Headers[i].Name, Headers.Type, StringComparison.Ordinal))
            {
                return entry.Headers[i].Value.Span.SequenceEqual(s_type);
            }
        }

        return false;
    }
}
