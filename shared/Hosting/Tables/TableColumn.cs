namespace Monitoring.Hosting.Tables;

/// <summary>A column: numbers, or texts where a value is no number.</summary>
/// <param name="Name">Unique in its table.</param>
/// <param name="Numbers">One value per row, NaN where missing; null for a text column.</param>
/// <param name="Texts">One value per row, null where missing; null for a numeric column.</param>
public sealed record TableColumn(string Name, double[]? Numbers, string?[]? Texts)
{
    public bool IsNumeric => Numbers is not null;

    public int Count => Numbers?.Length ?? Texts!.Length;
}
