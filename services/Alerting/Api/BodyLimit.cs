using Microsoft.AspNetCore.Http.Metadata;

namespace Monitoring.Alerting.Api;

/// <summary>Largest body of a request to an endpoint.</summary>
internal sealed class BodyLimit(long bytes) : IRequestSizeLimitMetadata
{
    public long? MaxRequestBodySize => bytes;
}
