using System.Diagnostics.Metrics;

namespace Monitoring.EventLog.Compliance;

/// <summary>Reads the gauges of the event log that carry a given group.</summary>
public static class GaugeReader
{
    /// <summary>Largest value of the gauge over the group's partitions, or null when there is none.</summary>
    public static double? Read(string instrument, string group)
    {
        double? largest = null;
        using var listener = new MeterListener
        {
            InstrumentPublished = (i, l) =>
            {
                if (i.Meter.Name == EventLogMetrics.MeterName && i.Name == instrument)
                {
                    l.EnableMeasurementEvents(i);
                }
            },
        };
        void Note(double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            foreach (var tag in tags)
            {
                if (tag.Key == "group" && (string?)tag.Value == group)
                {
                    largest = Math.Max(largest ?? double.MinValue, value);
                }
            }
        }

        listener.SetMeasurementEventCallback<long>((_, value, tags, _) => Note(value, tags));
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) => Note(value, tags));
        listener.Start();
        listener.RecordObservableInstruments();
        return largest;
    }
}
