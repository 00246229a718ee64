namespace Monitoring.Detection;

/// <summary>A monitor that tests whole windows of rows beside betting on every row; the tests are for people and for backtest.</summary>
public interface IWindowedMonitor : IMonitor
{
    /// <summary>Called when a window closes, in log order; null in production.</summary>
    Action<WindowOutcome>? WindowClosed { get; set; }

    /// <summary>Tests the rows of the window that is still open, if they are enough for a test; changes nothing.</summary>
    WindowOutcome? TestOpenWindow();
}
