using System.IO.Compression;
using System.Xml.Linq;
using Monitoring.Detection;
using Monitoring.Hosting.Images;

namespace Monitoring.Explainer.Tests;

public sealed class MethodTests
{
    private static readonly PerturbationRequest s_options = new(0, (_, _, _) => { });
    private static readonly ImageLayout s_image = new(4, 4, ChannelsFirst: true);

    [Fact]
    public async Task Occlusion_finds_the_pixels_that_the_model_reads()
    {
        // The model reads the 2×2 pixels at the top left.
        var model = new DelegateModel(16, 1, (row, output) => output.Span[0] = row.Span[0] + row.Span[1] + row.Span[4] + row.Span[5]);
        var occlusion = Occlusion.ForImage(new PerturbationEngine(model), s_image, new Background(new float[16], 1), size: 2, stride: 2);
        var result = await occlusion.ExplainAsync(Enumerable.Repeat(1f, 16).ToArray(), s_options, TestContext.Current.CancellationToken);
        Assert.Equal(2 + 4, result.Rows);
        for (var i = 0; i < 16; i++)
        {
            Assert.Equal(i is 0 or 1 or 4 or 5 ? 4 : 0, result.Values[i], 1e-12);
        }
    }

    [Fact]
    public async Task Occlusion_of_columns_is_the_drop_of_each_column()
    {
        var model = new DelegateModel(3, 2, (row, output) => (output.Span[0], output.Span[1]) = (row.Span[0] * row.Span[1], row.Span[2]));
        var groups = FeatureGroups.Single(["a", "b", "c"]);
        var result = await Occlusion.ForGroups(new PerturbationEngine(model), groups, new Background([1, 1, 1, 3, 3, 3], 2)).ExplainAsync(new float[] { 5, 7, 9 }, s_options, TestContext.Current.CancellationToken);
        Assert.Equal([35 - 14, 35 - 10, 0], result.Of(0));
        Assert.Equal([0, 0, 7], result.Of(1));
        Assert.Equal([4, 2], result.Base);
    }

    [Fact]
    public async Task Snow_detector_is_exposed_by_the_share_outside_the_mask()
    {
        // Honest looks inside the mask, the other at a corner outside of it.
        bool[] mask = [.. Enumerable.Range(0, 16).Select(i => i / 4 < 2)];
        var groups = FeatureGroups.Grid(s_image, 4);
        foreach (var (pixel, expected) in new[] { (1, 0.0), (15, 1.0) })
        {
            var model = new DelegateModel(16, 1, (row, output) => output.Span[0] = row.Span[pixel]);
            var kernel = new KernelShap(new PerturbationEngine(model), groups, new Background(new float[16], 1), CoalitionDesign.Create(16, 500, seed: 0));
            var aggregate = new ClassAggregate(groups, mask);
            for (var i = 0; i < 5; i++)
            {
                aggregate.Add(await kernel.ExplainAsync(Enumerable.Repeat(1f + i, 16).ToArray(), s_options, TestContext.Current.CancellationToken));
            }

            Assert.Equal(expected, aggregate.MeanShareOutside(0), 1e-6);
            Assert.Equal(5, aggregate.Count(0));
            Assert.Equal(3, aggregate.MeanAbsolute(0)[pixel], 1e-6);
        }
    }

    [Fact]
    public void Similar_rows_are_the_nearest_and_scaling_decides_what_near_is()
    {
        float[] rows = [0, 0, 1, 0, 0, 900, 5, 5];
        var plain = new ReferenceRows(rows, 4, [0, 0, 1, 1], standardise: false);
        Assert.Equal([0, 1, 3], plain.Nearest([0.1f, 0], 3).Select(n => n.Row));
        Assert.Equal([2, 3], plain.Nearest([0, 0], 2, i => plain.Classes[i] == 1).Select(n => n.Row).Order());

        // In units of the column's own spread 900 is near and 5 is far.
        var scaled = new ReferenceRows(rows, 4, [0, 0, 1, 1], standardise: true);
        Assert.Equal(2, scaled.Nearest([0, 500], 1)[0].Row);
        Assert.Throws<ArgumentException>(() => plain.Nearest([1, 2, 3], 1));
    }

    [Fact]
    public async Task Counterfactual_is_sparse_and_the_model_agrees()
    {
        // Class 1 when x0 + x1 > 1; x2 and x3 say nothing.
        var model = new DelegateModel(4, 2, (row, output) =>
        {
            var p = 1 / (1 + Math.Exp(-4 * (row.Span[0] + row.Span[1] - 1)));
            (output.Span[0], output.Span[1]) = (1 - p, p);
        });
        var groups = FeatureGroups.Single(["a", "b", "c", "d"]);
        var reference = new ReferenceRows([0, 0, 1, 1, 2, 2, 5, 5, 9, 9, 9, 9], 3, [0, 1, 1], standardise: false);
        var search = new Counterfactual(new PerturbationEngine(model), groups, reference);
        var found = await search.SearchAsync(new float[] { 0, 0, 0, 0 }, null, s_options, TestContext.Current.CancellationToken);
        Assert.NotNull(found);
        Assert.Equal((0, 1, 1), (found.FromClass, found.ToClass, found.Start));
        var changed = Assert.Single(found.Changed);
        Assert.True(changed is 0 or 1);
        Assert.Equal(2, found.Row[changed]);
        Assert.Equal(1, found.Row.Count(v => v != 0));
        Assert.Null(await search.SearchAsync(new float[] { 5, 5, 0, 0 }, 1, s_options, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Heat_map_is_a_png_with_red_where_it_speaks_for()
    {
        var attribution = new double[16];
        attribution[0] = 1;
        attribution[15] = -1;
        var png = HeatMap.Render(s_image, new float[16], attribution, scale: 2);
        var (width, height, rgb) = Decode(png);
        Assert.Equal((8, 8), (width, height));
        Assert.True(rgb[0] > 150 && rgb[2] < 100, "top left is red");
        Assert.True(rgb[^1] > 150 && rgb[^3] < 100, "bottom right is blue");
        var middle = ((3 * 8) + 3) * 3;
        Assert.True(rgb[middle] == rgb[middle + 1] && rgb[middle] == rgb[middle + 2], "elsewhere grey");
    }

    [Fact]
    public void Bars_are_well_formed_svg_with_the_largest_first()
    {
        var svg = BarChart.Render(["<hour> & co", "distance", "c"], [0.1, -0.5, 0], "P(delayed)");
        var document = XDocument.Parse(svg);
        var texts = document.Descendants().Where(e => e.Name.LocalName == "text").Select(e => e.Value).ToList();
        Assert.Equal(["P(delayed)", "distance", "-0.5", "<hour> & co", "+0.1", "c", "0"], texts);
    }

    /// <summary>An independent reading of the file: chunks with their CRC, zlib, filter bytes.</summary>
    private static (int Width, int Height, byte[] Rgb) Decode(byte[] png)
    {
        Assert.Equal([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], png[..8]);
        int width = 0, height = 0;
        using var data = new MemoryStream();
        for (var at = 8; at < png.Length;)
        {
            var length = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            var type = System.Text.Encoding.ASCII.GetString(png, at + 4, 4);
            if (type == "IHDR")
            {
                width = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at + 8));
                height = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at + 12));
            }
            else if (type == "IDAT")
            {
                data.Write(png, at + 8, length);
            }

            at += 12 + length;
        }

        data.Position = 0;
        using var zlib = new ZLibStream(data, CompressionMode.Decompress);
        using var raw = new MemoryStream();
        zlib.CopyTo(raw);
        var bytes = raw.ToArray();
        Assert.Equal(height * ((width * 3) + 1), bytes.Length);
        return (width, height, [.. Enumerable.Range(0, height).SelectMany(y => bytes[((y * ((width * 3) + 1)) + 1)..((y + 1) * ((width * 3) + 1))])]);
    }
}
