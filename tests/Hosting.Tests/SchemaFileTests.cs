using Monitoring.Detection;
using Monitoring.TestKit;

namespace Monitoring.Hosting.Tests;

public sealed class SchemaFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Columns_keep_their_names_units_and_categories()
    {
        var schema = Read("""
            { "features": [
                { "name": "hour", "type": "number", "unit": "h", "minimum": 0, "maximum": 24 },
                { "name": "origin", "type": "category", "categories": ["ABE", "ATL"], "sensitive": true } ],
              "classes": ["on_time", "delayed"] }
            """);
        Assert.Equal(2, schema.Width);
        Assert.Equal(new FeatureSchema("hour") { Unit = "h", Minimum = 0, Maximum = 24, Categories = schema.Features[0].Categories }, schema.Features[0]);
        Assert.Equal(FeatureType.Categorical, schema.Features[1].Type);
        Assert.Equal(["ABE", "ATL"], schema.Features[1].Categories);
        Assert.True(schema.Features[1].Sensitive);
        Assert.Equal(["on_time", "delayed"], schema.Classes);
    }

    [Fact]
    public void Image_is_one_feature()
    {
        var schema = Read("""{ "input": { "name": "image", "image": { "layout": "NCHW", "height": 28, "width": 20, "channels": 3, "minimum": 0, "maximum": 255 } } }""");
        Assert.Equal(new ImageLayout(28, 20, 3, ChannelsFirst: true, 0, 255), schema.Image);
        Assert.Equal(1680, schema.Width);
    }

    [Theory]
    [InlineData("{", "schema.json")]
    [InlineData("{}", "neither features nor input.image")]
    [InlineData("""{ "features": [ { "name": "a", "type": "colour" } ] }""", "schema.json")]
    [InlineData("""{ "features": [ { "name": "a", "type": "number" }, { "name": "a", "type": "number" } ] }""", "'a'")]
    [InlineData("""{ "features": [ { "name": "a", "type": "category" } ] }""", "without categories")]
    [InlineData("""{ "input": { "image": { "height": 0, "width": 2 } } }""", "must be positive")]
    public void Broken_file_says_what_is_wrong(string json, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => Read(json)).Message, StringComparison.Ordinal);

    private ModelSchema Read(string json)
    {
        var file = _directory.File("schema.json");
        File.WriteAllText(file, json);
        return SchemaFile.Read(file);
    }
}
