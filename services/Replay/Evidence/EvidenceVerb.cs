using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Replay.Evidence;

/// <summary><c>evidence export | verify | audit</c>.</summary>
public sealed class EvidenceVerb : IVerb
{
    public Command CreateCommand() => new("evidence", "Prove what the log holds: signed bundles, their verification, audit of the log.") { Export(), Verify(), Audit() };

    private static Command Export()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var output = new Option<string>("--out") { Description = "File of the bundle.", Required = true };
        var finding = new Option<string[]>("--finding") { Description = "A finding, with its sample events and its explanations; may be repeated.", DefaultValueFactory = _ => [] };
        var incident = new Option<string?>("--incident") { Description = "An incident, by its id or a unique beginning of it: its findings, their events, what was pinned, its messages." };
        var range = new Option<string[]>("--range") { Description = "TOPIC/PARTITION:FROM-TO, offsets, TO exclusive; every record of it. May be repeated.", DefaultValueFactory = _ => [] };
        var from = new Option<string?>("--from") { Description = "With --to: every event, finding, explanation and change of this log time, ISO 8601." };
        var to = new Option<string?>("--to") { Description = "End of the time, exclusive." };
        var root = new Option<string[]>("--root") { Description = "A chain root seen earlier (in a notification), to be proved part of today's chain.", DefaultValueFactory = _ => [] };
        var command = new Command("export", "Make a bundle of records, proofs, hashes and a signature.") { config, output, incident, finding, range, from, to, root, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await ForensicContext.OpenAsync(parsed.GetRequiredValue(config), cancellationToken).ConfigureAwait(false) is not { } context)
            {
                return ExitCode.Usage;
            }

            await using var owned = context;
            try
            {
                var ranges = parsed.GetRequiredValue(range).Select(ParseRange).ToList();
                if (parsed.GetValue(from) is not null || parsed.GetValue(to) is not null)
                {
                    ranges.AddRange(await TimeRangesAsync(
                        context.Log,
                        ForensicContext.Time(parsed.GetValue(from), 0, "--from"),
                        ForensicContext.Time(parsed.GetValue(to), long.MaxValue, "--to"),
                        cancellationToken).ConfigureAwait(false));
                }

                var findings = parsed.GetRequiredValue(finding);
                var purpose = $"range {string.Join(", ", parsed.GetRequiredValue(range).Append($"{parsed.GetValue(from)} to {parsed.GetValue(to)}").Where(t => t != " to "))}";
                var request = await BundleContents.GatherAsync(context.Configuration, context.Log, parsed.GetValue(incident), findings, ranges, purpose, parsed.GetRequiredValue(root), cancellationToken).ConfigureAwait(false);
                using var key = SigningKey.OpenOrCreate(EvidenceService.KeyFile(context.Configuration));
                var bundle = await new BundleExporter(context.Log, key, TimeProvider.System).ExportAsync(request, cancellationToken).ConfigureAwait(false);
                var file = parsed.GetRequiredValue(output);
                await File.WriteAllBytesAsync(file, bundle, cancellationToken).ConfigureAwait(false);
                var report = BundleVerifier.Verify(bundle, new VerificationRequest { TrustedKeyId = key.Id });
                Console.WriteLine($"{file}: {report.SealedRecords} sealed and {report.UnsealedRecords} unsealed records, {bundle.Length:N0} bytes, signed with key {key.Id}");
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { file, bytes = bundle.Length, report }, cancellationToken).ConfigureAwait(false);
                return report.Valid ? ExitCode.Success : ExitCode.Failure;
            }
            catch (UsageException e)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            catch (Exception e) when (e is EvidenceException or InvalidDataException or IOException or EventLogException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private static Command Verify()
    {
        var json = VerbOptions.Json();
        var bundle = new Argument<string>("bundle") { Description = "File of the bundle." };
        var key = new Option<string?>("--key") { Description = "Public key that must have signed: a .pub file, or its id (64 hexadecimal digits)." };
        var root = new Option<string[]>("--root") { Description = "A chain root seen elsewhere that the log must still contain; may be repeated.", DefaultValueFactory = _ => [] };
        var model = new Option<string[]>("--model") { Description = "NAME@VERSION=FILE: the model file at hand must be the one of the bundle.", DefaultValueFactory = _ => [] };
        var profile = new Option<string[]>("--profile") { Description = "NAME=FILE: likewise a profile, by its name in the manifest.", DefaultValueFactory = _ => [] };
        var command = new Command("verify", "Check a bundle, offline: says exactly what fails.") { bundle, key, root, model, profile, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            try
            {
                var file = parsed.GetRequiredValue(bundle);
                var report = BundleVerifier.Verify(
                    await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false),
                    new VerificationRequest
                    {
                        TrustedKeyId = KeyId(parsed.GetValue(key)),
                        KnownRoots = parsed.GetRequiredValue(root),
                        ModelHashes = Hashes(parsed.GetRequiredValue(model), "--model"),
                        ProfileHashes = Hashes(parsed.GetRequiredValue(profile), "--profile"),
                    });
                foreach (var failure in report.Failures)
                {
                    Console.WriteLine($"FAILED {failure.Check}: {failure.Where}: {failure.Detail}");
                }

                if (report.Valid)
                {
                    Console.WriteLine($"{file}: unchanged. {report.Purpose}, made {report.CreatedAt:u}; {report.SealedRecords} records proved by checkpoints, {report.UnsealedRecords} by the bundle's signature only; key {report.KeyId}");
                    if (!report.Anchored)
                    {
                        Console.WriteLine("Nobody vouches for the key: compare its id with the one you know, or give --key.");
                    }
                }

                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), report, cancellationToken).ConfigureAwait(false);
                return report.Valid ? ExitCode.Success : ExitCode.Failure;
            }
            catch (Exception e) when (e is UsageException or InvalidDataException or IOException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
        });
        return command;
    }

    private static Command Audit()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var key = new Option<string[]>("--key") { Description = "Public keys that may have signed (.pub files); this installation's own key without it.", DefaultValueFactory = _ => [] };
        var command = new Command("audit", "Compare the whole log with its signed checkpoints.") { config, key, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            if (await ForensicContext.OpenAsync(parsed.GetRequiredValue(config), cancellationToken).ConfigureAwait(false) is not { } context)
            {
                return ExitCode.Usage;
            }

            await using var owned = context;
            var files = parsed.GetRequiredValue(key) is { Length: > 0 } given ? given : [EvidenceService.KeyFile(context.Configuration) + ".pub"];
            var keys = new Dictionary<string, VerificationKey>(StringComparer.Ordinal);
            try
            {
                foreach (var file in files)
                {
                    var opened = VerificationKey.Open(file);
                    keys[opened.Id] = opened;
                }

                var reports = new List<AuditReport>();
                foreach (var topic in new EvidenceOptions { KeyFile = "" }.Topics)
                {
                    var report = await new LogAudit(context.Log).RunAsync(topic, keys, cancellationToken).ConfigureAwait(false);
                    reports.Add(report);
                    Console.WriteLine($"{topic}: {report.Checkpoints} checkpoints, {report.Records:N0} records as sealed{(report.Retired > 0 ? $", {report.Retired:N0} retired" : "")}");
                    foreach (var failure in report.Failures)
                    {
                        Console.WriteLine($"FAILED {failure.Check}: {failure.Where}: {failure.Detail}");
                    }
                }

                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), reports, cancellationToken).ConfigureAwait(false);
                return reports.All(r => r.Failures.Count == 0) ? ExitCode.Success : ExitCode.Failure;
            }
            catch (Exception e) when (e is InvalidDataException or IOException or EventLogException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            finally
            {
                foreach (var opened in keys.Values)
                {
                    opened.Dispose();
                }
            }
        });
        return command;
    }

    private static LogRange ParseRange(string text)
    {
        return text.LastIndexOf('/') is var slash and > 0
            && text[(slash + 1)..].Split(':', '-') is [var partition, var first, var last]
            && int.TryParse(partition, NumberStyles.None, CultureInfo.InvariantCulture, out var p)
            && long.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var from)
            && long.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out var to)
            && from < to
                ? new LogRange(text[..slash], p, from, to)
                : throw new UsageException($"--range: '{text}' is not TOPIC/PARTITION:FROM-TO, for example inference.events/0:100-200");
    }

    private static async Task<List<LogRange>> TimeRangesAsync(IEventLog log, long from, long to, CancellationToken cancellationToken)
    {
        var ranges = new List<LogRange>();
        foreach (var topic in new[] { Topics.InferenceEvents, Topics.Findings, Topics.Explanations, Topics.Changes })
        {
            var partitions = await log.GetPartitionCountAsync(topic, cancellationToken).ConfigureAwait(false);
            for (var p = 0; p < partitions; p++)
            {
                var (first, last) = await LogOffsets.InAsync(log, topic, p, from, to, cancellationToken).ConfigureAwait(false);
                if (first < last)
                {
                    ranges.Add(new LogRange(topic, p, first, last));
                }
            }
        }

        return ranges;
    }

    private static string? KeyId(string? key)
    {
        if (key is null)
        {
            return null;
        }

        if (key.Length == 64 && key.All(char.IsAsciiHexDigit))
        {
            return key;
        }

        using var opened = VerificationKey.Open(key);
        return opened.Id;
    }

    private static Dictionary<string, string> Hashes(string[] files, string option)
    {
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            if (file.Split('=', 2) is not [var name, var path])
            {
                throw new UsageException($"{option}: '{file}' is not NAME=FILE");
            }

            hashes[name] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        }

        return hashes;
    }
}
