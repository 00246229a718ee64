using System.Text;
using Monitoring.Alerting.Receivers.Webhook;

namespace Monitoring.Alerting.Tests.Receivers;

public sealed class WebhookSignatureTests
{
    [Fact]
    public void Sign_SpecificationsVector_Matches()
    {
        var key = WebhookSignature.DecodeSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        var signature = WebhookSignature.Sign([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Encoding.UTF8.GetBytes("{\"test\": 2432232314}"));
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signature);
    }

    [Fact]
    public void Sign_TwoKeys_SignsWithBoth()
    {
        var key = WebhookSignature.DecodeSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        var other = new byte[32];
        var signatures = WebhookSignature.Sign([other, key], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, Encoding.UTF8.GetBytes("{\"test\": 2432232314}")).Split(' ');
        Assert.Equal(2, signatures.Length);
        Assert.Equal("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", signatures[1]);
        Assert.NotEqual(signatures[0], signatures[1]);
    }

    [Theory]
    [InlineData("whsec_")]
    [InlineData("whsec_AAAA")]
    [InlineData("not base64 at all!")]
    [InlineData("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void DecodeSecret_BadSecret_SaysTheFormWithoutTheSecret(string secret)
    {
        var error = Assert.Throws<FormatException>(() => WebhookSignature.DecodeSecret(secret));
        Assert.Contains("24 to 64", error.Message, StringComparison.Ordinal);
    }
}
