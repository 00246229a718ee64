using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;

namespace Monitoring.AllInOne.Drills;

/// <summary>A configured model, called as its clients call it: Open Inference Protocol over HTTP. Every query carries an id by which it is found again in the log.</summary>
internal sealed class DrillTarget : IDisposable
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

    /// <summary>Reads the model's metadata and asks once.</summary>
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
    /// <param name="inputs">rows × width.</param>
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
                    inputs = new[] { new { name = _input, shape, datatype = "FP32", data = inputs.AsMemory(row * Width, Width).ToArray() } },
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

            var body = await response.Content.ReadFromJsonAsync<JsonElement>(cancellationToken).ConfigureAwait(false);
            answers.AddRange(body.GetProperty("outputs")[0].GetProperty("data").EnumerateArray().Select(v => v.GetSingle()));
        }

        return [.. answers];
    }

    public void Dispose() => _http.Dispose();
}
