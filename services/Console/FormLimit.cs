using Microsoft.AspNetCore.Http.Metadata;

namespace Monitoring.WebConsole;

/// <summary>Largest body of a form.</summary>
internal sealed class FormLimit(long bytes) : IRequestSizeLimitMetadata
{
    public long? MaxRequestBodySize => bytes;
}
