using System.Security.Cryptography;
using System.Text;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>Secrets that an installation makes for itself at the first start and keeps in its data folder, readable by its user alone.</summary>
internal static class KeptSecret
{
    public static string Read(LoadedConfiguration configuration, string fileName)
    {
        var path = Path.Combine(Directory.CreateDirectory(configuration.DataDirectory).FullName, fileName);
        try
        {
            using var file = new FileStream(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = OperatingSystem.IsWindows() ? null : UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.Write(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32))));
        }
        catch (IOException) when (File.Exists(path))
        {
            // Made at an earlier start.
        }

        return File.ReadAllText(path).Trim();
    }
}
