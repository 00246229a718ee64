using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Monitoring.Scoring;

namespace Monitoring.Detection;

/// <summary>
/// ONNX files that monitors bring along (encoders, autoencoders, scores): read once, when a profile is fitted, and kept in the profile, so that
/// a replay needs no file and cannot meet another one. One session per file and process, whoever uses it.
/// </summary>
/// <param name="scoring">Where they run.</param>
/// <param name="resolve">Makes a path of the configuration absolute; null takes it as it is.</param>
public sealed class RowGraphs(ScoringRuntime scoring, Func<string, string>? resolve = null) : IDisposable
{
    /// <summary>Largest file that a profile keeps.</summary>
    private const long MaximumBytes = 64 << 20;
    private readonly ConcurrentDictionary<string, Lazy<ScoringModel>> _models = new(StringComparer.Ordinal);

    /// <summary>Reads a file that an option names.</summary>
    /// <exception cref="FitException">It cannot be read, or is too large to be kept in a profile.</exception>
    public byte[] Read(string kind, string option, string file)
    {
        if (file.Length == 0)
        {
            throw new FitException($"{kind} needs the option '{option}': an ONNX file");
        }

        try
        {
            var path = resolve?.Invoke(file) ?? file;
            var length = new FileInfo(path).Length;
            return length <= MaximumBytes
                ? File.ReadAllBytes(path)
                : throw new FitException(string.Create(CultureInfo.InvariantCulture, $"{kind}: {option} '{file}' has {length:N0} bytes; a profile keeps at most {MaximumBytes:N0}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new FitException($"{kind}: {option} '{file}' cannot be read: {e.Message}");
        }
    }

    /// <summary>The graph of these bytes, for rows of this width.</summary>
    /// <exception cref="FitException">It is no ONNX model that runs here, or does not take such rows.</exception>
    public RowGraph Load(string name, ReadOnlyMemory<byte> bytes, int width)
    {
        var key = Convert.ToHexStringLower(SHA256.HashData(bytes.Span));
        try
        {
            return new RowGraph(_models.GetOrAdd(key, _ => new Lazy<ScoringModel>(() => scoring.LoadBytes(name, bytes.ToArray()))).Value, width);
        }
        catch (ScoringException e)
        {
            _models.TryRemove(key, out _);
            throw new FitException($"{name} is no model that can run here: {e.Message}");
        }
    }

    public void Dispose()
    {
        foreach (var model in _models.Values)
        {
            if (model.IsValueCreated)
            {
                model.Value.Dispose();
            }
        }

        _models.Clear();
    }
}
