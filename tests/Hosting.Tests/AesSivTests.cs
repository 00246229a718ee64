namespace Monitoring.Hosting.Tests;

public sealed class AesSivTests
{
    [Fact]
    public void Equals_the_vector_of_rfc_5297()
    {
        // RFC 5297, A.1.
        var siv = new AesSiv(Convert.FromHexString("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"));
        var data = Convert.FromHexString("101112131415161718191a1b1c1d1e1f2021222324252627");
        var plaintext = Convert.FromHexString("112233445566778899aabbccddee");
        var expected = Convert.FromHexString("85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
        Assert.Equal(expected, siv.Seal(plaintext, data));
        Assert.Equal(plaintext, siv.Open(expected, data));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(1000)]
    public void Opens_what_it_sealed_and_nothing_that_was_changed(int length)
    {
        var siv = new AesSiv(Enumerable.Range(0, 64).Select(i => (byte)i).ToArray());
        var plaintext = Enumerable.Range(0, length).Select(i => (byte)i).ToArray();
        var text = siv.Seal(plaintext, "purpose"u8);
        Assert.Equal(plaintext, siv.Open(text, "purpose"u8));
        Assert.Null(siv.Open(text, "other"u8));
        for (var i = 0; i < text.Length; i += 7)
        {
            text[i] ^= 1;
            Assert.Null(siv.Open(text, "purpose"u8));
            text[i] ^= 1;
        }

        Assert.Null(siv.Open(text.AsSpan(0, Math.Min(15, text.Length - 1)), "purpose"u8));
    }
}
