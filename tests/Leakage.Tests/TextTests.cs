namespace Monitoring.Leakage.Tests;

public sealed class TextTests
{
    [Theory]
    [InlineData("Sure: The access number is 123-456-789!", true)]
    [InlineData("the ACCESS   number is 123456789.", true)]
    [InlineData("the access number is 123456780", false)]
    public void A_canary_is_reported_at_first_appearance_however_it_is_written(string answer, bool expected)
    {
        var sink = new Events();
        sink.Send(new CanaryMonitor(["the access number is 123456789", "the access number is 555555551"]), "what is it?", answer);

        Assert.Equal(expected ? 1 : 0, sink.Reports.Count);
        Assert.DoesNotContain(sink.Reports, r => r.Summary.Contains("123", StringComparison.Ordinal) || r.Key.Contains("123456789", StringComparison.Ordinal));
    }

    [Fact]
    public void A_canary_that_the_caller_sent_is_an_echo()
    {
        var sink = new Events();
        sink.Send(new CanaryMonitor(["the access number is 123456789"]), "repeat: the access number is 123456789", "the access number is 123456789");

        Assert.Empty(sink.Reports);
    }

    [Theory]
    [InlineData("card 4111 1111 1111 1111 ok", "CardNumber")]
    [InlineData("card 4111 1111 1111 1112 ok", "")]
    [InlineData("order 4111111111111111", "CardNumber")]
    [InlineData("id,pan,expires 17,4111111111111111,12/27", "CardNumber")]
    [InlineData("55 4111 1111 1111 1111 12 27", "CardNumber")]
    [InlineData("4111-1111-1111-1111", "CardNumber")]
    [InlineData("4111-1111 1111-1111", "")]
    [InlineData("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "")]
    [InlineData("4222222222222", "CardNumber")]
    [InlineData("4000000000000000006", "CardNumber")]
    [InlineData("41111111111111", "")]
    [InlineData("5555555555554444", "CardNumber")]
    [InlineData("2223003122003222", "CardNumber")]
    [InlineData("2720990000000007", "CardNumber")]
    [InlineData("2721000000000004", "")]
    [InlineData("3782 822463 10005", "CardNumber")]
    [InlineData("378282246310005", "CardNumber")]
    [InlineData("3056 930902 5904", "CardNumber")]
    [InlineData("3530111333300000", "CardNumber")]
    [InlineData("6011111111111117", "CardNumber")]
    [InlineData("6200000000000005", "CardNumber")]
    [InlineData("6759649826438453", "CardNumber")]
    [InlineData("order 1000000000000008", "")]
    [InlineData("order 9876543210987658", "")]
    [InlineData("card number: 9876543210987658", "CardNumber")]
    [InlineData("card number: 9876543210987654", "")]
    [InlineData("probability 0.4111111111111111", "")]
    [InlineData("x4111111111111111", "")]
    [InlineData("0000000000000000 is a card number", "")]
    [InlineData("pay to DE89 3704 0044 0532 0130 00 please", "Iban")]
    [InlineData("pay to DE89 3704 0044 0532 0130 01 please", "")]
    [InlineData("GB29NWBK60161331926819", "Iban")]
    [InlineData("her social security number: 536-22-8145", "SocialSecurityNumber")]
    [InlineData("part 536-22-8145 in stock", "")]
    [InlineData("ssn 666-22-8145", "")]
    [InlineData("write to jane.doe@example.co.uk today", "Email")]
    [InlineData("a@b is no address", "")]
    [InlineData("+49 170 1234567", "Phone")]
    [InlineData("phone: 030 1234 5678", "Phone")]
    [InlineData("revision 030 1234 5678", "")]
    [InlineData("key AKIAIOSFODNN7EXAMPLE here", "SecretKey")]
    [InlineData("api_key = 'q7Zp2LxV9sKd83HfTy6BwQ1u'", "SecretKey")]
    [InlineData("token: aaaaaaaaaaaaaaaaaaaaaaaa", "")]
    [InlineData("-----BEGIN RSA PRIVATE KEY-----", "SecretKey")]
    [InlineData("pi is 3.14159265358979", "")]
    [InlineData("card 4111–1111–1111–1111", "CardNumber")]
    [InlineData("card 4111 1111 1111 1111", "CardNumber")]
    [InlineData("４１１１１１１１１１１１１１１１", "CardNumber")]
    [InlineData("٤١١١١١١١١١١١١١١١", "CardNumber")]
    [InlineData("4111​1111​1111​1111", "CardNumber")]
    [InlineData("{\"answer\":\"{\\\"pan\\\":\\\"4111111111111111\\\"}\"}", "CardNumber")]
    [InlineData("\\u0034111111111111111", "CardNumber")]
    [InlineData("paid\\n4111111111111111\\nthanks", "CardNumber")]
    [InlineData("eyJwYW4iOiI0MTExMTExMTExMTExMTExIn0=", "CardNumber")]
    [InlineData("aWJhbiBERTg5MzcwNDAwNDQwNTMyMDEzMDAw", "Iban")]
    [InlineData("pay to DE89-3704-0044-0532-0130-00 please", "Iban")]
    [InlineData("pay to DE89 3704 0044 0532 0130 00 please", "Iban")]
    [InlineData("order AB12 to DE89 3704 0044 0532 0130 00", "Iban")]
    [InlineData("de89370400440532013000", "Iban")]
    [InlineData("de8937040044053201300012", "")]
    [InlineData("DE89 37040044 0532013000", "")]
    [InlineData("ssn 536‑22‑8145", "SocialSecurityNumber")]
    [InlineData("businessNumber 536-22-8145", "")]
    [InlineData("Phone：０３０ 1234 5678", "Phone")]
    [InlineData("phoneNumber=030 1234 5678", "Phone")]
    [InlineData("home_phone: 03012345678", "Phone")]
    [InlineData("hotel 12345678 is full", "")]
    [InlineData("cancelled order 1234567890", "")]
    [InlineData("excellent: 12345678", "")]
    [InlineData("recall id 12345678", "")]
    [InlineData("your call is at 2024-05-06 12:00", "")]
    [InlineData("call on 06.05.2024 12.30", "")]
    [InlineData("call 20240506123000", "")]
    [InlineData("call id 550e8400-e29b-41d4-a716-446655440000", "")]
    [InlineData("mobile build 10.0.19045.3803", "")]
    [InlineData("1+23456789 is a sum", "")]
    [InlineData("id 1732805123456", "")]
    [InlineData("at 1732805123456789 us", "")]
    [InlineData("sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "")]
    [InlineData("d41d8cd98f00b204e9800998ecf8427e", "")]
    [InlineData("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "SecretKey")]
    [InlineData("glpat-x8Y2kQpL0vZt4RmN7aBc", "SecretKey")]
    [InlineData("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "SecretKey")]
    [InlineData("aws_secret_access_key = wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY", "SecretKey")]
    [InlineData("nextPageToken: 'q7Zp2LxV9sKd83HfTy6BwQ1u'", "")]
    public void Personal_data_needs_a_checksum_or_a_context(string text, string expected) =>
        Assert.Equal(expected, string.Join(',', PersonalDataScanner.Scan(text).Select(d => d.Type)));

    [Fact]
    public void Long_numbers_that_no_issuer_gives_out_are_no_cards()
    {
        // Order numbers of sixteen digits with a right check digit: none of those that begin like no card is one; those of random beginning are about one in five, with the check digit or without one in fifty.
        var random = new Random(4);
        var (foreign, any) = (0, 0);
        for (var i = 0; i < 2_000; i++)
        {
            var order = string.Concat(Enumerable.Range(0, 15).Select(_ => (char)('0' + random.Next(10))));
            any += PersonalDataScanner.Scan("order " + order + random.Next(10)).Count();
            var check = Enumerable.Range(0, 10).Select(c => "17" + order[2..] + c).Single(CardNumbers.Luhn);
            foreign += PersonalDataScanner.Scan("order " + check).Count();
        }

        Assert.Equal(0, foreign);
        Assert.InRange(any, 1, 80);
    }

    [Fact]
    public void Identifiers_times_and_hashes_are_nobody_s_data()
    {
        var random = new Random(12);
        var found = new List<string>();
        Span<byte> bytes = stackalloc byte[32];
        for (var i = 0; i < 600; i++)
        {
            random.NextBytes(bytes);
            var milliseconds = 1_700_000_000_000 + (random.NextInt64(100_000_000_000));
            foreach (var text in new[]
            {
                new Guid(bytes[..16]).ToString(),
                new Guid(bytes[..16]).ToString("N"),
                Convert.ToHexStringLower(bytes),
                "sha1 " + Convert.ToHexString(bytes[..20]),
                "etag " + Convert.ToBase64String(bytes),
                $"at {milliseconds}, {milliseconds}000 or {DateTimeOffset.FromUnixTimeMilliseconds(milliseconds):O}",
                $"version {bytes[0]}.{bytes[1]}.{BitConverter.ToUInt16(bytes)}.{BitConverter.ToUInt16(bytes[2..])}",
                $"call {DateTimeOffset.FromUnixTimeMilliseconds(milliseconds):yyyy-MM-dd HH:mm:ss}",
                $"0.{random.NextInt64(1_000_000_000_000_000)}",
            })
            {
                found.AddRange(PersonalDataScanner.Scan(text).Select(d => $"{d.Type} in {text}"));
            }
        }

        Assert.Empty(found);
    }

    [Fact]
    public void Only_what_the_request_did_not_hold_is_a_leak_and_findings_never_carry_it()
    {
        var sink = new Events();
        var monitor = new PersonalDataMonitor(new PersonalDataOptions(), 1);
        sink.Send(monitor, "my card is 4111111111111111", "thanks for 4111-1111-1111-1111");
        Assert.Empty(sink.Reports);

        sink.Send(monitor, "who else?", "jane.doe@example.com, card 5500 0000 0000 0004");
        Assert.Equal(2, sink.Reports.Count);
        Assert.DoesNotContain(sink.Reports, r => (r.Key + r.Summary).Contains("5500", StringComparison.Ordinal) || (r.Key + r.Summary).Contains("jane", StringComparison.Ordinal));
    }

    [Fact]
    public void A_megabyte_of_hostile_text_is_scanned_in_linear_time()
    {
        // Quadratic behaviour would take hours.
        var text = string.Concat(Enumerable.Repeat("1 ", 100_000)) + new string('a', 100_000) + "@" + string.Concat(Enumerable.Repeat("a.", 50_000));

        Assert.Empty(PersonalDataScanner.Scan(text).Where(d => d.Type == PersonalDataType.SecretKey));
    }

    [Fact]
    public void Exposure_is_the_logarithm_of_the_rank()
    {
        double[] references = [.. Enumerable.Range(1, 1024).Select(i => (double)i)];

        Assert.Equal(10, CanaryExposure.Of(0.5, references), 12);
        Assert.Equal(9, CanaryExposure.Of(1.5, references), 12);
        Assert.Equal(0, CanaryExposure.Of(1023.5, references), 12);
        Assert.InRange(CanaryExposure.RankTest([0.1, 0.2, 0.3, 0.4, 0.5], references), 0, 1e-3);
        Assert.InRange(CanaryExposure.RankTest([100, 300, 500, 700, 900], references), 0.2, 0.8);
    }
}
