using System.Buffers;
using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Monitoring.Inference;

/// <summary>Reads a request body within a limit, unpacking gzip and deflate within the same limit.</summary>
internal static class RequestBody
{
    /// <exception cref="ProtocolException">413 beyond the limit, before it is read where Content-Length says so; 415 for other encodings; 400 for broken ones.</exception>
    public static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        // Ours is enforced here, in the protocol's own error form; the server still drains what the caller is sending.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
        {
            feature.MaxRequestBodySize = null;
        }

        if (request.ContentLength > limit)
        {
            throw TooLarge(limit);
        }

        try
        {
            var encoding = request.Headers.ContentEncoding.ToString();
            switch (encoding)
            {
                case "" or "identity":
                    return request.ContentLength is { } length
                        ? await ReadExactlyAsync(request.Body, (int)length, cancellationToken).ConfigureAwait(false)
                        : await ReadAsync(request.Body, limit, cancellationToken).ConfigureAwait(false);
                case "gzip":
                    await using (var gzip = new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true))
                    {
                        return await ReadAsync(gzip, limit, cancellationToken).ConfigureAwait(false);
                    }

                case "deflate":
                    await using (var deflate = new ZLibStream(request.Body, CompressionMode.Decompress, leaveOpen: true))
                    {
                        return await ReadAsync(deflate, limit, cancellationToken).ConfigureAwait(false);
                    }

                default:
                    throw new ProtocolException(415, $"Content-Encoding '{encoding}' is not supported; allowed: gzip, deflate");
            }
        }
        catch (InvalidDataException e)
        {
            throw new ProtocolException(400, $"the body's Content-Encoding is broken: {e.Message}");
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException e)
        {
            throw new ProtocolException(e.StatusCode, e.Message);
        }
    }

    /// <summary>Unpacks gzip within a limit, for payloads that loggers forward packed.</summary>
    public static ReadOnlyMemory<byte> Unzip(ReadOnlyMemory<byte> data, long limit)
    {
        try
        {
            using var gzip = new GZipStream(new MemoryStream(data.ToArray()), CompressionMode.Decompress);
            var buffer = new ArrayBufferWriter<byte>();
            int read;
            while ((read = gzip.Read(buffer.GetSpan(16384))) > 0)
            {
                buffer.Advance(read);
                if (buffer.WrittenCount > limit)
                {
                    throw TooLarge(limit);
                }
            }

            return buffer.WrittenMemory;
        }
        catch (InvalidDataException e)
        {
            throw new ProtocolException(400, $"the payload looks like gzip but is broken: {e.Message}");
        }
    }

    private static async ValueTask<ReadOnlyMemory<byte>> ReadExactlyAsync(Stream stream, int length, CancellationToken cancellationToken)
    {
        // Grows with what really arrives: a header that promises much costs nothing.
        var buffer = new byte[Math.Min(length, 1 << 20)];
        var count = 0;
        while (count < length)
        {
            if (count == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(length, buffer.Length * 4L));
            }

            var read = await stream.ReadAsync(buffer.AsMemory(count), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                throw new ProtocolException(400, $"the body ends after {count} of {length} bytes");
            }

            count += read;
        }

        return buffer;
    }

    private static async ValueTask<ReadOnlyMemory<byte>> ReadAsync(Stream stream, long limit, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(16384);
        int read;
        while ((read = await stream.ReadAsync(buffer.GetMemory(16384), cancellationToken).ConfigureAwait(false)) > 0)
        {
            buffer.Advance(read);
            if (buffer.WrittenCount > limit)
            {
                throw TooLarge(limit);
            }
        }

        return buffer.WrittenMemory;
    }

    private static ProtocolException TooLarge(long limit) => new(413, $"the body is larger than {limit} bytes");
}
