namespace Monitoring.Detection;

/// <summary>Where a row comes from.</summary>
/// <param name="EventId">Id of the event.</param>
/// <param name="EventHash">64-bit hash of event id and row: the seed of random draws about this row.</param>
/// <param name="InputHash">64-bit hash of the row's input values: equal inputs, equal hash.</param>
/// <param name="Client">Sealed id of the client; empty when unattributed.</param>
/// <param name="TimeUnixNano">Log time.</param>
/// <param name="Offset">Input offset.</param>
/// <param name="EventRow">Row in the event, 0-based.</param>
/// <param name="Event">Index into <see cref="RowBatch.Events"/>.</param>
/// <param name="Admitted">An independent draw by the dependence rule (first of its client's burst, no exact repeat).</param>
public readonly record struct RowInfo(
    string EventId,
    ulong EventHash,
    ulong InputHash,
    string Client,
    long TimeUnixNano,
    long Offset,
    int EventRow,
    int Event,
    bool Admitted);
