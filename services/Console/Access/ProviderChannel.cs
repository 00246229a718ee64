namespace Monitoring.WebConsole.Access;

/// <summary>Our own calls to the provider: no redirects, and a server's error is a provider who is away, whatever its body says.</summary>
internal sealed class ProviderChannel() : DelegatingHandler(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if ((int)response.StatusCode < 500)
        {
            return response;
        }

        response.Dispose();
        throw new HttpRequestException($"the provider answered {(int)response.StatusCode} at {request.RequestUri?.AbsolutePath}", null, response.StatusCode);
    }
}
