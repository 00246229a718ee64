namespace Monitoring.Statistics.Tests;

public sealed class ClientSpreadTests
{
    /// <summary>Clients drawn from a Dirichlet-multinomial give back its concentration.</summary>
    [Theory]
    [InlineData(20)]
    [InlineData(200)]
    public void Fits_the_concentration_that_made_the_clients(double concentration)
    {
        var random = new Random(3);
        var reference = StreamReference.Numeric(Samples.Gaussian(1, 5_000));
        var clients = Enumerable.Range(0, 200).Select(_ =>
        {
            // A Blackwell–MacQueen urn with uniform base measure: new value with probability s/(s + t), else an old one again.
            var values = new double[300];
            for (var t = 0; t < values.Length; t++)
            {
                values[t] = random.NextDouble() * (concentration + t) < concentration ? random.Gaussian() : values[random.Next(t)];
            }

            return new ClientSample(values, []);
        }).ToList();
        Assert.InRange(ClientSpread.Fit(reference, clients) / concentration, 0.7, 1.4);
    }

    [Fact]
    public void Equal_clients_have_a_large_concentration()
    {
        var reference = StreamReference.Numeric(Samples.Gaussian(1, 5_000));
        var clients = Enumerable.Range(0, 50).Select(i => new ClientSample(Samples.Gaussian(100 + i, 300), [])).ToList();
        Assert.True(ClientSpread.Fit(reference, clients) > 1_000);
        Assert.Throws<ArgumentException>(() => ClientSpread.Fit(reference, clients[..1]));
    }

    [Fact]
    public void Level_factor_bounds_the_survival_of_the_held_out()
    {
        // 100 clients whose greatest SR/T is 10 times too large for the tail 1/x.
        var greatest = Enumerable.Range(1, 100).Select(i => 10.0 * 100 / i).ToArray();
        Assert.Equal(10, ClientSpread.LevelFactor(greatest), 9);
        Assert.Equal(1, ClientSpread.LevelFactor([0.2, 0.3]), 9);
    }
}
