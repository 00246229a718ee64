using System.Security.Cryptography;
using System.Text;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Explainer;

/// <summary>Drawings of explanations as files, <c>explanations/ID.png</c> or <c>.svg</c> in the data folder.</summary>
internal sealed class ExplanationStore(LoadedConfiguration configuration)
{
    private readonly string _folder = Path.Combine(configuration.DataDirectory, "explanations");

    /// <summary>The id of an explanation is a function of what it explains: made twice, it is the same.</summary>
    public static string Id(string findingId, string eventId, int row, string method) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{findingId}\n{eventId}\n{row}\n{method}")).AsSpan(0, 16));

    /// <summary>Writes a drawing; returns its path.</summary>
    public async Task<string> SaveAsync(string id, Drawing drawing, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_folder);
        var path = Path.Combine(_folder, $"{id}.{drawing.Extension}");
        var temporary = $"{path}.{Guid.NewGuid():N}";
        await File.WriteAllBytesAsync(temporary, drawing.Content, cancellationToken).ConfigureAwait(false);
        File.Move(temporary, path, overwrite: true);
        return path;
    }

    /// <summary>Path and content type of a drawing; null where there is none.</summary>
    public (string Path, string ContentType)? Find(string id)
    {
        if (id.Length != 32 || !id.All(char.IsAsciiHexDigit))
        {
            return null;
        }

        var path = Path.Combine(_folder, id);
        return File.Exists(path + ".png") ? (path + ".png", "image/png") : File.Exists(path + ".svg") ? (path + ".svg", "image/svg+xml") : null;
    }
}
