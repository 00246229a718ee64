using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Google.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Monitoring.Hosting.Tables;

namespace Monitoring.Replay.Exchange;

/// <summary><c>import</c>: history from CSV, JSON lines or .npy into the log, and labels from a reviewed CSV. The embedded log must not be in use by a <c>run</c>.</summary>
public sealed class ImportVerb : IVerb
{
    private const int BatchRecords = 500;

    public Command CreateCommand()
    {
        var config = VerbOptions.Config();
        var json = VerbOptions.Json();
        var file = new Argument<string?>("file") { Description = "Calls: .csv, .jsonl or .npy, one row each.", Arity = ArgumentArity.ZeroOrOne };
        var labels = new Option<string?>("--labels") { Description = "Labels instead of calls: a table with the columns event, row and answer, as review writes it." };
        var model = new Option<string?>("--model") { Description = "Model; not needed when only one is configured." };
        var version = new Option<string?>("--version-of-model") { Description = "Version; the current one without it." };
        var inputs = new Option<string?>("--inputs") { Description = "Input columns, separated by commas; without it the schema's features, or all columns not named otherwise." };
        var outputs = new Option<string?>("--outputs") { Description = "Columns with the model's probabilities or prediction." };
        var truth = new Option<string?>("--truth") { Description = "Column with the true label." };
        var time = new Option<string?>("--time") { Description = "Column with the time, ISO 8601." };
        var client = new Option<string?>("--client") { Description = "Column with the client." };
        var author = new Option<string>("--author") { Description = "Who says so, for labels.", DefaultValueFactory = _ => Environment.UserName };
        var kserve = new Option<string?>("--kserve") { Description = "Instead: a file or folder of what KServe's logger left in a bucket (.json, .csv). Sent to the running installation (api.listen), which joins requests and responses." };
        var key = new Option<string?>("--key") { Description = "With --kserve: API key with the role publish, as env:NAME or file:PATH." };
        var command = new Command("import", "Import history or labels into the log.") { file, config, labels, kserve, key, model, version, inputs, outputs, truth, time, client, author, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var configuration = LoadedConfiguration.Load(parsed.GetRequiredValue(config), ConfigurationValidators.BuiltIn);
            foreach (var error in configuration.Errors)
            {
                await Console.Error.WriteLineAsync($"error: {error}").ConfigureAwait(false);
            }

            if (configuration.Errors.Count == 0 && parsed.GetValue(kserve) is { } blobs)
            {
                return await BlobsAsync(configuration, blobs, parsed.GetValue(key), parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
            }

            if (configuration.Errors.Count > 0 || await OfflineHost.FindModelAsync(configuration, parsed.GetValue(model)).ConfigureAwait(false) is not { } chosen)
            {
                return ExitCode.Usage;
            }

            try
            {
                List<LogRecord> events = [], feedback;
                if (parsed.GetValue(labels) is { } labelFile)
                {
                    feedback = Labels(Table.Read(labelFile), labelFile, chosen.Name, parsed.GetRequiredValue(author));
                }
                else
                {
                    var path = parsed.GetValue(file) ?? throw new UsageException("give a file of calls, or --labels");
                    var schema = chosen.Schema is { } schemaFile ? SchemaFile.Read(configuration.Resolve(schemaFile)) : null;
                    var named = new[] { parsed.GetValue(truth), parsed.GetValue(time), parsed.GetValue(client) }.OfType<string>().Concat(Names(parsed.GetValue(outputs))).ToHashSet(StringComparer.Ordinal);
                    var table = Table.Read(path);
                    var columns = parsed.GetValue(inputs) is { } list ? Names(list)
                        : schema is { Image: null } ? [.. schema.Features.Select(f => f.Name)]
                        : [.. table.Columns.Select(c => c.Name).Where(n => !named.Contains(n))];
                    (events, feedback) = Calls(table, path, chosen, parsed.GetValue(version) ?? chosen.Version, schema, columns, Names(parsed.GetValue(outputs)), parsed.GetValue(truth), parsed.GetValue(time), parsed.GetValue(client), parsed.GetRequiredValue(author));
                }

                await using var log = EventLogFactory.Create(configuration, TimeProvider.System, NullLoggerFactory.Instance);
                foreach (var definition in LogTopics.Definitions(configuration.Value.Log))
                {
                    await log.EnsureTopicAsync(definition, cancellationToken).ConfigureAwait(false);
                }

                foreach (var (topic, records) in new[] { (Topics.InferenceEvents, events), (Topics.Feedback, feedback) })
                {
                    foreach (var batch in records.Chunk(BatchRecords))
                    {
                        await log.AppendAsync(topic, batch, cancellationToken).ConfigureAwait(false);
                    }
                }

                Console.WriteLine($"{events.Count:N0} calls and {feedback.Count:N0} labels of model '{chosen.Name}' appended");
                await VerbOptions.WriteJsonAsync(parsed.GetValue(json), new { events = events.Count, labels = feedback.Count }, cancellationToken).ConfigureAwait(false);
                return ExitCode.Success;
            }
            catch (Exception e) when (e is UsageException or TableFormatException or InvalidDataException or IOException)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Usage;
            }
            catch (EventLogException e)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
                return ExitCode.Failure;
            }
        });
        return command;
    }

    private static async Task<int> BlobsAsync(LoadedConfiguration configuration, string path, string? key, string? json, CancellationToken cancellationToken)
    {
        try
        {
            if (!Uri.TryCreate(configuration.Value.Api.Listen.FirstOrDefault(), UriKind.Absolute, out var listen) || listen.Port == 0)
            {
                throw new UsageException("api.listen: the first address must name a port, so that the running installation is found");
            }

            SecretReference? secret = null;
            if (key is not null && !SecretReference.TryParse(key, out secret))
            {
                throw new UsageException("--key: env:NAME or file:PATH");
            }

            using var http = new HttpClient { BaseAddress = listen, Timeout = TimeSpan.FromMinutes(1) };
            if (secret is not null)
            {
                http.DefaultRequestHeaders.Authorization = new("Bearer", secret.Read());
            }

            var import = new BlobImport(http);
            var files = KServeBlobs.Files(path);
            await import.SendAsync(files.SelectMany(KServeBlobs.Read), cancellationToken).ConfigureAwait(false);
            foreach (var reason in import.Refused)
            {
                await Console.Error.WriteLineAsync($"refused: {reason}").ConfigureAwait(false);
            }

            Console.WriteLine($"{import.Sent:N0} events of {files.Count:N0} files taken, {import.RefusedCount:N0} refused");
            await VerbOptions.WriteJsonAsync(json, new { files = files.Count, sent = import.Sent, refused = import.RefusedCount, reasons = import.Refused }, cancellationToken).ConfigureAwait(false);
            return import.RefusedCount == 0 ? ExitCode.Success : ExitCode.Failure;
        }
        catch (Exception e) when (e is UsageException or TableFormatException or InvalidDataException or IOException)
        {
            await Console.Error.WriteLineAsync($"error: {e.Message}").ConfigureAwait(false);
            return ExitCode.Usage;
        }
        catch (HttpRequestException e)
        {
            await Console.Error.WriteLineAsync($"error: {configuration.Value.Api.Listen[0]}: {e.Message}: is the installation running ('run')?").ConfigureAwait(false);
            return ExitCode.Failure;
        }
    }

    private static (List<LogRecord> Events, List<LogRecord> Labels) Calls(
        Table table, string file, ModelConfiguration model, string version, Detection.ModelSchema? schema, IReadOnlyList<string> inputs, IReadOnlyList<string> outputs, string? truth, string? time, string? client, string author)
    {
        var x = inputs.Select(n => Numbers(table, file, n, schema)).ToArray();
        var y = outputs.Select(n => Numbers(table, file, n, null)).ToArray();
        if (x.Length == 0)
        {
            throw new UsageException($"{file}: no input columns");
        }

        // Ids are a function of the file: imported twice, a call keeps its id.
        var origin = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)).AsSpan(0, 6));
        var events = new List<LogRecord>(table.RowCount);
        var labels = new List<LogRecord>();
        for (var row = 0; row < table.RowCount; row++)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"import-{origin}-{row}");
            long unixNano = 0;
            if (time is not null && !TimeText.TryParse(Text(table, file, time, row), out unixNano))
            {
                throw new UsageException($"{file}, row {row + 1}: '{Text(table, file, time, row)}' in column '{time}' is no time");
            }

            var call = new InferenceEvent { Id = id, Model = model.Name, ModelVersion = version, TimeUnixNano = unixNano, Status = 200, Inputs = { Row("x", x, row) } };
            if (y.Length > 0)
            {
                call.Outputs.Add(Row("y", y, row));
            }

            if (client is not null && Text(table, file, client, row) is { Length: > 0 } who)
            {
                call.Client = new Client { Id = who, Source = "import" };
            }

            events.Add(Record(model.Name, id, EventTypes.Inference, unixNano, call));
            if (truth is not null && Text(table, file, truth, row) is { Length: > 0 } label)
            {
                labels.Add(Label(model.Name, id, 0, label, author));
            }
        }

        return (events, labels);
    }

    private static List<LogRecord> Labels(Table table, string file, string model, string author)
    {
        var labels = new List<LogRecord>();
        for (var row = 0; row < table.RowCount; row++)
        {
            var answer = Text(table, file, "answer", row);
            if (answer.Length == 0)
            {
                continue;
            }

            if (!int.TryParse(Text(table, file, "row", row), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                throw new UsageException($"{file}, row {row + 1}: '{Text(table, file, "row", row)}' is no row number");
            }

            // A spreadsheet's guard against formulae, written by review, is no part of the id.
            labels.Add(Label(model, Text(table, file, "event", row).TrimStart('\''), number, answer, author));
        }

        return labels;
    }

    private static LogRecord Label(string model, string eventId, int row, string label, string author)
    {
        var id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{model}\n{eventId}\n{row}\n{label}\n{author}")).AsSpan(0, 16));
        var message = new Contracts.Feedback { Id = id, Model = model, EventId = eventId, Row = row, Label = label, Author = author };
        return Record(model, id, EventTypes.Feedback, 0, message);
    }

    private static LogRecord Record(string model, string id, string type, long unixNano, IMessage message)
    {
        var headers = new List<LogHeader> { Header(Headers.SpecVersion, "1.0"), Header(Headers.Id, id), Header(Headers.Source, "monitoring/import"), Header(Headers.Type, type), Header(Headers.Subject, model), Header(Headers.ContentType, "application/protobuf") };
        if (unixNano > 0)
        {
            headers.Add(Header(Headers.Time, TimeText.Format(unixNano)));
        }

        return new LogRecord(Encoding.UTF8.GetBytes(model), message.ToByteArray(), headers);
    }

    private static LogHeader Header(string name, string value) => new(name, Encoding.UTF8.GetBytes(value));

    private static Tensor Row(string name, double[][] columns, int row) => new()
    {
        Name = name,
        Datatype = "FP32",
        Shape = { 1, columns.Length },
        Data = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(columns.Select(c => (float)c[row]).ToArray())),
    };

    private static double[] Numbers(Table table, string file, string name, Detection.ModelSchema? schema)
    {
        var column = table[name] ?? throw new UsageException($"{file} has no column '{name}'; columns are {string.Join(", ", table.Columns.Take(30).Select(c => c.Name))}");
        if (column.Numbers is { } numbers)
        {
            return numbers;
        }

        // Categories by name: their index in the schema, −1 for a name that is not there.
        return schema?.Features.FirstOrDefault(f => f.Name == name) is { Categories.Count: > 0 } feature
            ? [.. column.Texts!.Select(t => t is null ? double.NaN : feature.Categories.ToList().IndexOf(t))]
            : throw new UsageException($"{file}: column '{name}' holds texts, numbers expected");
    }

    private static string Text(Table table, string file, string name, int row)
    {
        var column = table[name] ?? throw new UsageException($"{file} has no column '{name}'; columns are {string.Join(", ", table.Columns.Take(30).Select(c => c.Name))}");
        return column.Texts is { } texts ? texts[row] ?? "" : column.Numbers![row] is var number && double.IsNaN(number) ? "" : number.ToString("R", CultureInfo.InvariantCulture);
    }

    private static string[] Names(string? list) => list?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
}
