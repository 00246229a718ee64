using System.Text;
using Monitoring.Hosting.Tables;
using Monitoring.TestKit;

namespace Monitoring.Hosting.Tests;

public sealed class NpyFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Bytes_are_read_as_numbers()
    {
        var file = NpyFile.Read(Write("|u1", "(2, 3)", [0, 1, 2, 253, 254, 255]));
        Assert.Equal([2, 3], file.Shape);
        Assert.Equal([253f, 254, 255], file.Row(1).ToArray());
    }

    [Fact]
    public void Floats_and_one_dimension_are_read()
    {
        var file = NpyFile.Read(Write("<f8", "(2,)", [.. BitConverter.GetBytes(1.5), .. BitConverter.GetBytes(-2.0)]));
        Assert.Equal(2, file.Rows);
        Assert.Equal(1, file.Width);
        Assert.Equal([1.5f, -2], file.Values);
    }

    [Fact]
    public void Either_byte_order_is_read()
    {
        Assert.Equal([1.5f, -2], NpyFile.Read(Write(">f4", "(2,)", [0x3F, 0xC0, 0, 0, 0xC0, 0, 0, 0])).Values);
        Assert.Equal([258f], NpyFile.Read(Write(">i2", "(1,)", [1, 2])).Values);
    }

    [Fact]
    public void Numbers_beyond_single_precision_are_infinite() =>
        Assert.Equal([float.PositiveInfinity, 0], NpyFile.Read(Write("<f8", "(2,)", [.. BitConverter.GetBytes(1e300), .. BitConverter.GetBytes(5e-324)])).Values);

    [Fact]
    public void Fortran_order_is_read()
    {
        var file = _directory.File("f.npy");
        var header = Encoding.ASCII.GetBytes("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n");
        File.WriteAllBytes(file, [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)header.Length), .. header, 1, 4, 2, 5, 3, 6]);
        Assert.Equal([1f, 2, 3, 4, 5, 6], NpyFile.Read(file).Values);
    }

    [Fact]
    public void What_is_written_is_read_again()
    {
        NpyFile.Write(_directory.File("w.npy"), [3, 2], [1, 2, 3, 4, 5, float.NaN]);
        var file = NpyFile.Read(_directory.File("w.npy"));
        Assert.Equal([3, 2], file.Shape);
        Assert.Equal([1, 2, 3, 4, 5, float.NaN], file.Values);
        Assert.Equal(0, (new FileInfo(_directory.File("w.npy")).Length - 24) % 64);
    }

    [Theory]
    [InlineData("<f4", "(2, 2)", 12, "need 16 bytes, found 12")]
    [InlineData("|O", "(1,)", 8, "not understood")]
    [InlineData("<U1", "(1,)", 4, "no objects, texts, dates or records")]
    [InlineData("<c8", "(1,)", 8, "neither a number nor a boolean")]
    public void Broken_file_says_what_is_wrong(string type, string shape, int length, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => NpyFile.Read(Write(type, shape, new byte[length]))).Message, StringComparison.Ordinal);

    [Fact]
    public void Other_file_is_refused()
    {
        File.WriteAllText(_directory.File("x.npy"), "not numbers at all");
        Assert.Contains("is not a .npy file", Assert.Throws<InvalidDataException>(() => NpyFile.Read(_directory.File("x.npy"))).Message, StringComparison.Ordinal);
    }

    private string Write(string type, string shape, byte[] data)
    {
        var header = Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n");
        var file = _directory.File("x.npy");
        File.WriteAllBytes(file, [0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)header.Length), .. header, .. data]);
        return file;
    }
}
