using Google.Protobuf;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>Reads events as rows for people: the same way as the monitors do.</summary>
public static class EventRowReader
{
    /// <summary>The rows of an event, columnar; null where the event does not fit the model's schema.</summary>
    public static RowBatch? Read(ModelDescription model, InferenceEvent inference)
    {
        var reader = new EventReader();
        if (!reader.TryRead(new LogEntry(Topics.InferenceEvents, 0, 0, 0, default, inference.ToByteArray(), []), out var decoded, out _))
        {
            return null;
        }

        var builder = new RowBatchBuilder(model);
        builder.Add(decoded, reader.Tensors, new AdmissionRule(new AdmissionSettings()));
        var batch = builder.Build();
        return batch.Count == 0 || (batch.Count == 1 && IsUnreadable(batch.Input(0))) ? null : batch;
    }

    /// <summary>An event that does not fit is one row of NaN.</summary>
    private static bool IsUnreadable(ReadOnlySpan<float> row)
    {
        foreach (var value in row)
        {
            if (!float.IsNaN(value))
            {
                return false;
            }
        }

        return true;
    }
}
