namespace Monitoring.EventLog.Embedded;

/// <summary>Something for the writer thread to do.</summary>
internal abstract class WriteRequest
{
    public virtual int Bytes => 0;
}
