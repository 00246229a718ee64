using System.Net;
using Microsoft.AspNetCore.Http;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.Inference.Tests;

public sealed class IdentityTests
{
    private static readonly ClientSealer s_sealer = new("a key of the tests, long enough");

    [Theory]
    [InlineData("header:X-User", "10.1.2.3", "10.0.0.0/8", "alice", "header:X-User")]
    [InlineData("header:X-User", "11.1.2.3", "10.0.0.0/8", null, "")]
    [InlineData("header:X-User", "127.0.0.1", "", "alice", "header:X-User")]
    [InlineData("header:X-User", "11.1.2.3", "", null, "")]
    [InlineData("header:X-None,header:X-User", "127.0.0.1", "", "alice", "header:X-User")]
    [InlineData("header:X-None,address", "10.1.2.3", "10.0.0.0/8", "203.0.113.9", "address")]
    [InlineData("address", "11.1.2.3", "10.0.0.0/8", "11.1.2.3", "address")]
    [InlineData("address", "11.1.2.3", "", "11.1.2.3", "address")]
    [InlineData("api-key", "127.0.0.1", "", null, "")]
    [InlineData("attribute:user", "127.0.0.1", "", null, "")]
    public void The_first_present_source_wins_and_headers_need_a_trusted_hop(string sources, string peer, string trusted, string? id, string source)
    {
        var context = Context(peer);
        context.Request.Headers["X-User"] = "alice";
        context.Request.Headers["X-Forwarded-For"] = "198.51.100.1, 203.0.113.9, 10.9.9.9";
        var client = Identity(sources, trusted).Identify(context);
        Assert.Equal(source, client.Source);
        Assert.Equal(id is null ? "" : s_sealer.Seal("client", id), client.Id);
    }

    [Fact]
    public void A_forged_forwarded_address_is_not_believed_from_strangers()
    {
        var context = Context("203.0.113.77");
        context.Request.Headers["X-Forwarded-For"] = "1.2.3.4";
        Assert.Equal(s_sealer.Seal("client", "203.0.113.77"), Identity("address", "10.0.0.0/8").Identify(context).Id);
    }

    [Fact]
    public void A_logged_event_names_its_client_and_never_the_loggers_pod()
    {
        var context = Context("10.1.2.3");
        context.Request.Headers["X-User"] = "the-logger";
        var attributes = new Dictionary<string, string> { ["metadata"] = """{"X-User":["bob"],"X-Forwarded-For":["198.51.100.7"]}""", ["tenant"] = "acme" };
        var identity = Identity("attribute:tenant,metadata:x-user,address", "10.0.0.0/8");
        Assert.Equal(s_sealer.Seal("client", "acme"), identity.Identify(context, attributes).Id);
        attributes.Remove("tenant");
        Assert.Equal(s_sealer.Seal("client", "bob"), identity.Identify(context, attributes).Id);
        Assert.Equal(s_sealer.Seal("address-prefix", "198.51.100.0/24"), identity.Identify(context, attributes).AddressPrefix);
        attributes["metadata"] = "%7B%22X-User%22:%5B%22bob%22%5D%7D";
        Assert.Equal(s_sealer.Seal("client", "bob"), identity.Identify(context, attributes).Id);
        attributes["metadata"] = "{}";
        var nobody = identity.Identify(context, attributes);
        Assert.Equal(("", "", ""), (nobody.Id, nobody.Source, nobody.AddressPrefix));
    }

    [Theory]
    [InlineData("203.0.113.9", "203.0.113.0/24")]
    [InlineData("::ffff:203.0.113.9", "203.0.113.0/24")]
    [InlineData("2001:db8:1234:5678::1", "2001:db8:1234::/48")]
    public void Prefixes_have_24_and_48_bits(string address, string expected) => Assert.Equal(expected, ClientIdentity.Prefix(IPAddress.Parse(address)));

    [Fact]
    public void Sealed_ids_are_equal_for_equal_ids_and_only_open_with_the_key()
    {
        var sealedId = s_sealer.Seal("client", "alice");
        Assert.Equal(sealedId, new ClientSealer("a key of the tests, long enough").Seal("client", "alice"));
        Assert.NotEqual(sealedId, s_sealer.Seal("client", "alicf"));
        Assert.NotEqual(sealedId, s_sealer.Seal("address-prefix", "alice"));
        Assert.DoesNotContain("alice", sealedId, StringComparison.Ordinal);
        Assert.Equal("alice", s_sealer.Reveal("client", sealedId));
        Assert.Null(s_sealer.Reveal("address-prefix", sealedId));
        Assert.Null(new ClientSealer("another key, also long enough").Reveal("client", sealedId));
        Assert.Null(s_sealer.Reveal("client", "no such id"));
        Assert.Throws<ArgumentException>(() => new ClientSealer("short"));
    }

    private static DefaultHttpContext Context(string peer)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(peer);
        return context;
    }

    private static ClientIdentity Identity(string sources, string trusted) => new(
        new ModelConfiguration
        {
            Name = "m",
            Client = sources.Split(','),
            TrustedProxies = trusted.Split(',', StringSplitOptions.RemoveEmptyEntries),
        },
        s_sealer);
}
