namespace Monitoring.Detection;

/// <summary><see cref="WatchedRowsMonitor"/> of a kind that tests windows: every segment has windows of its own.</summary>
internal sealed class WindowedRowsMonitor(RowProjection? projection, int column, IReadOnlyList<RowSegment> parts)
    : WatchedRowsMonitor(projection, column, parts), IWindowedMonitor
{
    private Action<WindowOutcome>? _closed;

    public Action<WindowOutcome>? WindowClosed
    {
        get => _closed;
        set
        {
            _closed = value;
            foreach (var part in Parts)
            {
                ((IWindowedMonitor)part.Monitor).WindowClosed = value;
            }
        }
    }

    /// <summary>The open window with the smallest p-value.</summary>
    public WindowOutcome? TestOpenWindow() => Parts.Select(p => ((IWindowedMonitor)p.Monitor).TestOpenWindow()).OfType<WindowOutcome>().MinBy(w => w.PValue);
}
