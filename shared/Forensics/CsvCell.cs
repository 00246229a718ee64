using System.Globalization;

namespace Monitoring.Forensics;

/// <summary>Cells of CSV files that people open.</summary>
public static class CsvCell
{
    /// <summary>RFC 4180, and a quote before what a spreadsheet would run as a formula: ids and clients come from outside.</summary>
    public static string Of(string cell)
    {
        if (cell.Length > 0 && cell[0] is '=' or '+' or '@' or '\t' or '\r' || (cell.StartsWith('-') && !double.TryParse(cell, NumberStyles.Float, CultureInfo.InvariantCulture, out _)))
        {
            cell = "'" + cell;
        }

        return cell.AsSpan().IndexOfAny(",\"\r\n") < 0 ? cell : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
