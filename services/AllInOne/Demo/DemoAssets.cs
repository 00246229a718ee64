using System.Globalization;
using System.Security.Cryptography;
using Monitoring.Hosting.Tables;

namespace Monitoring.AllInOne.Demo;

/// <summary>
/// The two real models and their data, from <c>infra/demo</c> (beside the executable after a build). Profile and clean traffic are drawn, with
/// replacement, from one population that the models were not trained on: RUNTIME section 5 says why nothing less will do.
/// </summary>
internal sealed class DemoAssets
{
    public const int ImageSide = 28;
    private const int ProfileRows = 6000;

    private readonly NpyFile _digits;
    private readonly NpyFile _flights;
    private readonly NpyFile _otherFlights;

    public DemoAssets()
    {
        Folder = Path.Combine(AppContext.BaseDirectory, "demo");
        _digits = NpyFile.Read(Path.Combine(Folder, "digits-population.X.npy"));
        _flights = NpyFile.Read(Path.Combine(Folder, "flights-population.X.npy"));
        _otherFlights = NpyFile.Read(Path.Combine(Folder, "flights-other.X.npy"));
    }

    public string Folder { get; }

    public IReadOnlyList<DemoStream> Streams =>
    [
        new("digits", "image", [1, ImageSide, ImageSide], Digit, ChangedDigit, "digits are turned by 20 to 30 degrees and fade to 60 to 75 %"),
        new("flights", "features", [5], random => Draw(_flights, random), random => Draw(_otherFlights, random), "flights leave from other airports"),
    ];

    /// <summary>A digit of the population, in [0, 1].</summary>
    public float[] Digit(Random random)
    {
        var row = Draw(_digits, random);
        System.Numerics.Tensors.TensorPrimitives.Divide(row, 255f, row);
        return row;
    }

    /// <summary>Writes the profile samples and the configuration of the demo into a folder; returns the configuration file.</summary>
    public string Write(string folder, int seed, int port, Uri webhook, string webhookSecretFile)
    {
        var random = new Random(seed);
        WriteSample(Path.Combine(folder, "digits-reference.npy"), [ProfileRows, 1, ImageSide, ImageSide], () => Digit(random));
        WriteSample(Path.Combine(folder, "flights-reference.npy"), [ProfileRows, 5], () => Draw(_flights, random));
        var file = Path.Combine(folder, "monitoring.yaml");
        File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture, $$"""
            # Written by the demo. Everything here may stand in a file of your own.
            data: .
            api: { listen: ['http://127.0.0.1:{{port}}'] }
            evidence: { segmentRecords: 512 }
            models:
              - name: digits
                onnx: { path: '{{Path.Combine(Folder, "digits.onnx")}}', sha256: {{Hash("digits.onnx")}} }
                exports: [embedding, features]
                schema: '{{Path.Combine(Folder, "digits.schema.json")}}'
                reference: digits-reference.npy
                client: ['header:X-Client']
                trustedProxies: [127.0.0.1]
                monitors:
                  - kind: evidence
                  - kind: outlier
                  - kind: quality
                  - kind: query-similarity
              - name: flights
                onnx: { path: '{{Path.Combine(Folder, "flights.onnx")}}', sha256: {{Hash("flights.onnx")}} }
                schema: '{{Path.Combine(Folder, "flights.schema.json")}}'
                reference: flights-reference.npy
                client: ['header:X-Client']
                trustedProxies: [127.0.0.1]
            receivers:
              - name: oncall
                falseAlarms: 1 per 30d
                severity: record
                allowPrivateAddresses: true
                webhook: { url: '{{webhook}}', secret: 'file:{{webhookSecretFile}}' }

            """));
        return file;
    }

    private float[] ChangedDigit(Random random)
    {
        var turned = DigitTransform.Rotate(Digit(random), ImageSide, 20 + (10 * random.NextDouble()));
        DigitTransform.Fade(turned, 0.6f + (0.15f * random.NextSingle()));
        return turned;
    }

    private static float[] Draw(NpyFile population, Random random) => population.Row(random.Next(population.Rows)).ToArray();

    private static void WriteSample(string file, int[] shape, Func<float[]> draw)
    {
        var values = new List<float>();
        for (var row = 0; row < shape[0]; row++)
        {
            values.AddRange(draw());
        }

        NpyFile.Write(file, shape, values.ToArray());
    }

    private string Hash(string name) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(Folder, name))));
}
