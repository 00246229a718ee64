using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.Hosting.Tests;

/// <summary>Files as people have them: what can be read is read as it was meant, the rest is refused with its place and the reason, and nothing is taken for something else in silence.</summary>
public sealed class TableTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("\uFEFFa,b\n1,2\n")]
    [InlineData("a,b\r\n1,2\r\n")]
    [InlineData("\"a\",\"b\"\n\"1\",\"2\"")]
    [InlineData("a,b\n1,2\n\n")]
    public void Marks_line_ends_and_quotes_do_not_show(string text)
    {
        var table = Read("t.csv", text);
        Assert.Equal(["a", "b"], table.Columns.Select(c => c.Name));
        Assert.Equal([1.0, 2.0], table.Columns.Select(c => Assert.Single(c.Numbers!)));
    }

    [Fact]
    public void Infinities_are_numbers_as_Python_writes_them() =>
        Assert.Equal([double.PositiveInfinity, double.NegativeInfinity, double.PositiveInfinity, double.NaN, 1e300], Read("t.csv", "a\ninf\n-inf\nInfinity\nnan\n1e300\n").Columns[0].Numbers!);

    [Fact]
    public void Names_that_a_table_gets_which_had_none_are_names() => Assert.Equal(["0", "1", "2"], Read("t.csv", "0,1,2\n5,6,7\n").Columns.Select(c => c.Name));

    [Theory]
    [InlineData("t.csv", "a;b\n1;2\n", "separated by ';'")]
    [InlineData("t.csv", "a\tb\n1\t2\n", "separated by tabs")]
    [InlineData("t.csv", "0.3,1.7\n0.2,1.5\n", "where it must name the columns")]
    [InlineData("t.csv", "a,b\n1,2,3\n", "t.csv:2: 3 fields")]
    [InlineData("t.csv", "a,a\n1,2\n", "named twice")]
    [InlineData("t.csv", "a,b\n\"1,2\n", "never closed")]
    [InlineData("t.csv", "", "empty")]
    [InlineData("t.jsonl", "{\"a\":\"\\ud800\"}\n", "t.jsonl:1")]
    [InlineData("t.jsonl", "{\"a\":1,\n", "t.jsonl:1")]
    [InlineData("t.jsonl", "{}\n{}\n", "no rows")]
    [InlineData("t.txt", "a\n1\n", "readable are .npy, .csv and .jsonl")]
    public void What_is_no_table_is_refused_with_the_reason(string name, string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<TableFormatException>(() => Read(name, text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Keys_absent_from_a_line_are_missing_there()
    {
        var table = Read("t.jsonl", "{\"a\":1,\"b\":2}\n{\"a\":3}\n{}\n");
        Assert.Equal([1, 3, double.NaN], table["a"]!.Numbers!);
        Assert.Equal([2, double.NaN, double.NaN], table["b"]!.Numbers!);
    }

    /// <summary>A column that was renamed must not be read as another one because the number of columns fits.</summary>
    [Fact]
    public void Columns_are_found_by_position_only_where_no_name_fits()
    {
        var schema = TableEncoding.Schema(Read("r.csv", "a,b\n1,2\n"));
        Assert.Equal([4f, 3f], TableEncoding.Encode(Read("t.csv", "b,a\n3,4\n"), schema, "t.csv"));
        Assert.Equal([3f, 4f], TableEncoding.Encode(Read("t.csv", "x,y\n3,4\n"), schema, "t.csv"));
        var refusal = Assert.Throws<TableFormatException>(() => TableEncoding.Encode(Read("t.csv", "b,c\n3,4\n"), schema, "t.csv"));
        Assert.Contains("not found: a", refusal.Message, StringComparison.Ordinal);
    }

    private Table Read(string name, string text)
    {
        File.WriteAllText(_directory.File(name), text);
        return Table.Read(_directory.File(name));
    }
}
