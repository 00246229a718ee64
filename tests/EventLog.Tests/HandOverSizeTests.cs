using Microsoft.Extensions.Time.Testing;

namespace Monitoring.EventLog.Tests;

public sealed class HandOverSizeTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_swift_processor_gets_as_many_as_it_handles_in_the_target()
    {
        var size = new HandOverSize(32_768, _time);
        Assert.Equal(1024, size.Records);

        // 20 µs a record: 25,000 in half a second.
        HandOver(size, 1000, TimeSpan.FromMilliseconds(20));
        Assert.Equal(25_000, size.Records);

        // Too fast for the clock.
        HandOver(size, 10, TimeSpan.Zero);
        Assert.Equal(32_768, size.Records);
    }

    [Fact]
    public void A_slow_one_gets_few_at_once()
    {
        var size = new HandOverSize(32_768, _time);
        HandOver(size, 1024, TimeSpan.FromMilliseconds(10));
        Assert.Equal(32_768, size.Records);
        HandOver(size, 32_768, TimeSpan.FromMinutes(5));
        Assert.Equal(1024, size.Records);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    [InlineData(1024)]
    public void Never_more_than_the_subscription_says(int most)
    {
        var size = new HandOverSize(most, _time);
        Assert.Equal(most, size.Records);
        HandOver(size, most, TimeSpan.FromMilliseconds(1));
        Assert.Equal(most, size.Records);
        HandOver(size, most, TimeSpan.FromHours(1));
        Assert.Equal(most, size.Records);
    }

    private void HandOver(HandOverSize size, int records, TimeSpan took)
    {
        size.Begin();
        _time.Advance(took);
        size.End(records);
    }
}
