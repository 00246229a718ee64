using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Monitoring.AllInOne.Drills;

/// <summary>A configured model, called as its clients call it: Open Inference Protocol over HTTP. Every query carries an id by which it is found again in the log.</summary>
internal sealed partial class DrillTarget : IDisposable
{
    private readonly HttpClient _http;
    private readonly string _model;
    private readonly string? _clientHeader;
    private string _input = "";
    private string _output = "";
    private long[] _shape = [];

    public DrillTarget(Uri server, string model, string? clientHeader, string? apiKey)
    {
        _http = new HttpClient { BaseAddress = server, Timeout = TimeSpan.FromSeconds(30) };
        if (apiKey is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new("Bearer", apiKey);
        }

        _model = model;
        _clientHeader = clientHeader;
    }

    public int Width { get; private set; }

    public int Classes { get; private set; }

    /// <summary>Queries answered so far.</summary>
    public long Asked { get; private set; }

    /// <summary>True where inputs have rows, columns and channels.</summary>
    public bool IsImage => _shape.Length == 4;

    /// <summary>The input's dimensions, for people.</summary>
    public string Shape => string.Join(", ", _shape);

    /// <summary>Side of a square grey image; 0 for another input.</summary>
    public int Side => IsImage && _shape.Skip(1).Contains(1) && Width == (int)Math.Sqrt(Width) * (int)Math.Sqrt(Width) ? (int)Math.Sqrt(Width) : 0;

    /// <summary>What [0, 1] means to the model.</summary>
    public InputRange? Range { get; set; }

    /// <summary>Reads the model's metadata and asks once.</summary>
    /// <param name="sample">A clean input as the model takes it.</param>
    /// <param name="id">Id of the query.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task ConnectAsync(float[] sample, string id, CancellationToken cancellationToken)
    {
        var metadata = await _http.GetFromJsonAsync<JsonElement>($"/v2/models/{_model}", cancellationToken).ConfigureAwait(false);
        var input = metadata.GetProperty("inputs")[0];
        _input = input.GetProperty("name").GetString()!;
        _shape = [.. input.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
        Width = (int)_shape.Skip(1).Aggregate(1L, (a, b) => a * b);
        _output = metadata.GetProperty("outputs")[0].GetProperty("name").GetString()!;
        Classes = (await AskAsync(sample, 1, "drill-probe", id, cancellationToken).ConfigureAwait(false)).Length;
    }

    /// <summary>Asks row by row, as attackers do; returns rows × classes.</summary>
    /// <param name="inputs">rows × width, in [0, 1] where a <see cref="Range"/> is set.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="client">Who asks.</param>
    /// <param name="id">Id of the first query without its number; a number is appended per row from <paramref name="number"/> on.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="number">Number of the first row, from 1.</param>
    public async Task<float[]> AskAsync(float[] inputs, int rows, string client, string id, CancellationToken cancellationToken, int number = 1)
    {
        var answers = new List<float>();
        for (var row = 0; row < rows; row++)
        {
            long[] shape = [1, .. _shape.Skip(1)];
            using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{_model}/infer")
            {
                Content = JsonContent.Create(new
                {
                    id = string.Create(CultureInfo.InvariantCulture, $"{id}#{number + row}"),
                    inputs = new[] { new { name = _input, shape, datatype = "FP32", data = Row(inputs, row) } },
                    outputs = new[] { new { name = _output } },
                }),
            };
            if (_clientHeader is not null)
            {
                request.Headers.Add(_clientHeader, client);
            }

            using var response = await _http.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                throw new HttpRequestException($"the model answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false)}");
            }

            Asked++;
            var body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken).ConfigureAwait(false);
            answers.AddRange(body.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(v => v.GetSingle()));
        }

        return [.. answers];
    }

    /// <summary>Events that each group of monitors has read, as the installation's metrics say; empty where they may not be seen.</summary>
    public async Task<IReadOnlyDictionary<string, long>> ConsumedAsync(CancellationToken cancellationToken)
    {
        var groups = new SortedDictionary<string, long>(StringComparer.Ordinal);
        using var response = await _http.GetAsync("/metrics", cancellationToken).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
        {
            return groups;
        }

        foreach (Match line in ConsumedPattern().Matches(await response.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false)))
        {
            groups[line.Groups[1].Value] = (long)double.Parse(line.Groups[2].Value, CultureInfo.InvariantCulture);
        }

        return groups;
    }

    [GeneratedRegex("^monitoring_detection_consumed_events[a-z_]*\\{[^}]*group=\"([^\"]+)\"[^}]*\\} ([0-9.eE+]+)", RegexOptions.Multiline)]
    private static partial Regex ConsumedPattern();

    private float[] Row(float[] inputs, int row)
    {
        var input = inputs.AsSpan(row * Width, Width);
        return Range?.ToModel(input) ?? input.ToArray();
    }

    public void Dispose() => _http.Dispose();
}
