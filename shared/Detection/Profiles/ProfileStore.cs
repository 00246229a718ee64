using System.Text.Json;

namespace Monitoring.Detection;

/// <summary>
/// Profiles as files: <c>model/version/sha256.profile</c> (canonical bytes), <c>sha256.json</c> (what people read) and <c>history.jsonl</c> (who
/// approved what, when and why; append-only). A profile is never changed; the last entry of the history says which one is in use.
/// </summary>
public sealed class ProfileStore(string folder, TimeProvider time)
{
    private static readonly JsonSerializerOptions s_indented = new(JsonSerializerDefaults.Web) { WriteIndented = true };
    private static readonly JsonSerializerOptions s_line = new(JsonSerializerDefaults.Web);

    /// <summary>Holds the SHA-256 of the first profile that was ever in use; written once.</summary>
    private const string FirstFile = "first";

    /// <summary>Keeps a candidate; keeping it again changes nothing. Returns its SHA-256.</summary>
    public string Save(Profile profile, IReadOnlyList<string>? warnings = null)
    {
        var bytes = profile.ToBytes();
        var sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
        var directory = DirectoryOf(profile.Model.Name, profile.Model.Version);
        Directory.CreateDirectory(directory);
        WriteOnce(Path.Combine(directory, sha256 + ".profile"), bytes);
        var summary = new ProfileSummary(sha256, profile.Model.Name, profile.Model.Version, profile.Origin, profile.Rows, profile.Draws,
            profile.FromUnixNano, profile.ToUnixNano, profile.Slots, [.. profile.Monitors.Select(m => m.Name)], warnings ?? []);
        WriteOnce(Path.Combine(directory, sha256 + ".json"), JsonSerializer.SerializeToUtf8Bytes(summary, s_indented));
        return sha256;
    }

    /// <summary>Profiles of a model version with the approved one marked by <see cref="Approved"/>; oldest data first.</summary>
    public IReadOnlyList<ProfileSummary> List(string model, string version)
    {
        var directory = DirectoryOf(model, version);
        return !Directory.Exists(directory) ? []
            : [.. Directory.GetFiles(directory, "*.json")
                .Select(f => JsonSerializer.Deserialize<ProfileSummary>(File.ReadAllBytes(f), s_indented) ?? throw new InvalidDataException($"{f} is empty"))
                .OrderBy(s => s.FromUnixNano).ThenBy(s => s.Sha256, StringComparer.Ordinal)];
    }

    /// <summary>The profile, of whichever version of the model it is; null where no version has it.</summary>
    public Profile? Find(string model, string sha256)
    {
        var directory = Path.Combine(folder, Name(model));
        var file = Directory.Exists(directory)
            ? Directory.GetDirectories(directory).Order(StringComparer.Ordinal).Select(d => Path.Combine(d, Path.GetFileName(sha256) + ".profile")).FirstOrDefault(File.Exists)
            : null;
        return file is null ? null : Read(file, sha256);
    }

    /// <summary>Whether the profile is kept for this version of the model.</summary>
    public bool Contains(string model, string version, string sha256) => File.Exists(Path.Combine(DirectoryOf(model, version), Path.GetFileName(sha256) + ".profile"));

    /// <summary>Loads a profile and checks its hash.</summary>
    /// <exception cref="FileNotFoundException">No such profile.</exception>
    /// <exception cref="InvalidDataException">The file's content is not what its name says.</exception>
    public Profile Load(string model, string version, string sha256)
    {
        var file = Path.Combine(DirectoryOf(model, version), Path.GetFileName(sha256) + ".profile");
        return File.Exists(file) ? Read(file, sha256) : throw new FileNotFoundException($"model {model} version {version} has no profile {sha256}", file);
    }

    private static Profile Read(string file, string sha256)
    {
        var bytes = File.ReadAllBytes(file);
        var actual = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes));
        return string.Equals(actual, sha256, StringComparison.Ordinal)
            ? Profile.FromBytes(bytes)
            : throw new InvalidDataException($"{file} was changed: its content hashes to {actual}");
    }

    /// <summary>All approvals and rollbacks, oldest first.</summary>
    public IReadOnlyList<ProfileDecision> History(string model, string version)
    {
        var file = Path.Combine(DirectoryOf(model, version), "history.jsonl");
        return !File.Exists(file) ? []
            : [.. File.ReadAllLines(file).Where(l => l.Length > 0)
                .Select(l => JsonSerializer.Deserialize<ProfileDecision>(l, s_line) ?? throw new InvalidDataException($"{file} holds an empty line"))];
    }

    /// <summary>A number that grows with every approval: cheap to look at often.</summary>
    public long DecisionsStamp(string model, string version) => new FileInfo(Path.Combine(DirectoryOf(model, version), "history.jsonl")) is { Exists: true } file ? file.Length : 0;

    /// <summary>SHA-256 of the profile in use; null when none was approved.</summary>
    public string? Approved(string model, string version) => History(model, version).LastOrDefault()?.Sha256;

    /// <summary>Puts a kept profile in use.</summary>
    /// <param name="model">Model.</param>
    /// <param name="version">Model version.</param>
    /// <param name="sha256">A kept profile.</param>
    /// <param name="author">Who decides; <c>auto</c> for a learned one that passed its checks.</param>
    /// <param name="reason">Why, for the record; an accepted incident names it.</param>
    public void Approve(string model, string version, string sha256, string author, string reason)
    {
        Load(model, version, sha256);
        ArgumentException.ThrowIfNullOrWhiteSpace(author);
        MarkFirst(model, version, sha256);
        var decision = new ProfileDecision(sha256, author, reason, time.GetUtcNow());
        File.AppendAllText(Path.Combine(DirectoryOf(model, version), "history.jsonl"), JsonSerializer.Serialize(decision, s_line) + "\n");
    }

    /// <summary>Remembers a kept profile as the first in use, learned or approved, unless there was one before.</summary>
    public void MarkFirst(string model, string version, string sha256) =>
        WriteOnce(Path.Combine(DirectoryOf(model, version), FirstFile), System.Text.Encoding.ASCII.GetBytes(sha256));

    /// <summary>Puts the profile back in use that was before the present one. Returns its SHA-256.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public string Rollback(string model, string version, string author, string reason)
    {
        var history = History(model, version);
        var current = history.Count > 0 ? history[^1].Sha256 : null;
        var before = history.LastOrDefault(h => !string.Equals(h.Sha256, current, StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"model {model} version {version} has no earlier profile to go back to");
        Approve(model, version, before.Sha256, author, reason);
        return before.Sha256;
    }

    /// <summary>Distance of a profile to the first one that was approved: the largest movement of a quantile in its standard deviations, averaged over variables. 0 without a first.</summary>
    public double DistanceToFirst(Profile profile)
    {
        var file = Path.Combine(DirectoryOf(profile.Model.Name, profile.Model.Version), FirstFile);
        return File.Exists(file) ? ProfileDifference.Between(Load(profile.Model.Name, profile.Model.Version, File.ReadAllText(file)), profile).Distance : 0;
    }

    private static void WriteOnce(string file, byte[] bytes)
    {
        if (File.Exists(file))
        {
            return;
        }

        var temporary = file + "." + Guid.NewGuid().ToString("N") + ".tmp";
        try
        {
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, file, overwrite: true);
        }
        catch (IOException)
        {
            File.Delete(temporary);
            throw;
        }
    }

    private string DirectoryOf(string model, string version) => Path.Combine(folder, Name(model), Name(version.Length == 0 ? "_" : version));

    /// <summary>Names come from events too: nothing in them may leave the folder.</summary>
    private static string Name(string name) =>
        name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.') && name.Trim('.').Length > 0 && name.Length <= 100
            ? name
            : "h-" + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(name)))[..32];
}
