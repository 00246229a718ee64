namespace Monitoring.Explainer;

/// <summary>Rows to score for one explanation.</summary>
/// <param name="Rows">How many; the row budget is checked against it before anything runs.</param>
/// <param name="Fill">Writes rows <c>first … first + count − 1</c> (count × columns numbers). Called once per row, in order, never by two threads at once.</param>
internal sealed record PerturbationRequest(int Rows, FillRows Fill)
{
    /// <summary>Most rows that may be spent.</summary>
    public int Budget { get; init; } = 1_000_000;

    /// <summary>Explanations of open incidents go before those that people browse.</summary>
    public bool Urgent { get; init; }

    /// <summary>Told the rows done after every batch.</summary>
    public IProgress<int>? Progress { get; init; }
}

/// <summary>Writes perturbed rows. See <see cref="PerturbationRequest"/>.</summary>
internal delegate void FillRows(int first, int count, Span<float> rows);
