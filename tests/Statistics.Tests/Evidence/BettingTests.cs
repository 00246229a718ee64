using System.Buffers;

namespace Monitoring.Statistics.Tests;

public sealed class BettingTests
{
    /// <summary>Ville: P(ever ≥ 20) ≤ 5 %, over 2,000 calm streams; margin 3 standard errors.</summary>
    [Theory]
    [InlineData("bernoulli")]
    [InlineData("beta-binomial")]
    [InlineData("mean-rise")]
    [InlineData("mean-fall")]
    public void Calm_streams_seldom_reach_the_level(string kind)
    {
        var reached = 0;
        for (var seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            var bernoulli = new BernoulliEvidence(0.05, detectChange: false);
            var rate = BetaDraw(random);
            var spread = new BetaBinomialEvidence(2, 18, [0.3, 0.5, 0.9]);
            var mean = new BoundedMeanEvidence(0.3, kind == "mean-rise", 0.05);
            for (var t = 0; t < 300; t++)
            {
                bernoulli.Update(random.NextDouble() < 0.05, 1);
                spread.Update(random.NextDouble() < rate);
                mean.Update(random.NextDouble() < 0.3 ? 1 : 0);
                if ((kind switch { "bernoulli" => bernoulli.LogEvidence, "beta-binomial" => spread.LogEvidence, _ => mean.LogEvidence }) >= Math.Log(20))
                {
                    reached++;
                    break;
                }
            }
        }

        Assert.InRange(reached, 0, 130);
    }

    /// <summary>trials-digits.md B 5: at p0 = 1 % half the queries being members takes 7 (90 % within 13), level 10⁵.</summary>
    [Theory]
    [InlineData(1.0, 3, 6)]
    [InlineData(0.5, 5, 10)]
    [InlineData(0.1, 40, 75)]
    public void Hits_are_found_as_fast_as_published(double share, int least, int most)
    {
        var delays = new List<int>();
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var evidence = new BernoulliEvidence(0.01);
            var t = 0;
            while (evidence.Value < 1e5)
            {
                t++;
                evidence.Update(random.NextDouble() < share, 1);
            }

            delays.Add(t);
        }

        delays.Sort();
        Assert.InRange(delays[100], least, most);
    }

    [Fact]
    public void Beta_is_fitted_by_moments()
    {
        var random = new Random(5);
        var hits = new long[2_000];
        var draws = new long[2_000];
        for (var i = 0; i < hits.Length; i++)
        {
            draws[i] = 50 + random.Next(100);
            var rate = BetaDraw(random);
            hits[i] = Enumerable.Range(0, (int)draws[i]).Count(_ => random.NextDouble() < rate);
        }

        var (a, b) = BetaBinomialEvidence.Fit(hits, draws);
        Assert.InRange(a / (a + b), 0.09, 0.11);
        Assert.InRange(a + b, 15, 26);
    }

    [Fact]
    public void A_mean_that_falls_is_found_and_one_that_rises_is_not_taken_for_it()
    {
        var fall = new BoundedMeanEvidence(0.9, rise: false);
        var wrong = new BoundedMeanEvidence(0.9, rise: true);
        var random = new Random(6);
        for (var t = 0; t < 400; t++)
        {
            var correct = random.NextDouble() < 0.75 ? 1 : 0;
            fall.Update(correct);
            wrong.Update(correct);
        }

        Assert.True(fall.LogEvidence > Math.Log(1e4));
        Assert.True(wrong.LogEvidence < 0);
    }

    /// <summary>RFF betting: calm pairs of a five-dimensional Gaussian keep one alarm per 500, a turned correlation is found though no margin moves.</summary>
    [Fact]
    public void Random_features_keep_the_level_and_see_a_change_of_dependence()
    {
        const double Level = 500;
        var alarms = 0;
        var delays = new List<int>();
        for (var seed = 0; seed < 10; seed++)
        {
            var random = new Random(seed);
            double[] Draw(double rho)
            {
                var x = Enumerable.Range(0, 5).Select(_ => random.Gaussian()).ToArray();
                x[1] = (rho * x[0]) + (Math.Sqrt(1 - (rho * rho)) * x[1]);
                return x;
            }

            var evidence = new RandomFeatureEvidence(5, 128, 3, 7);
            for (var t = 0; t < 3_000; t++)
            {
                evidence.Update(Draw(0.9), Draw(0.9), 1);
                if (evidence.Value >= Level)
                {
                    alarms++;
                    evidence.Restart();
                }
            }

            evidence.Restart();
            var delay = 0;
            while (evidence.Value < Level && delay < 3_000)
            {
                evidence.Update(Draw(0.9), Draw(-0.9), 1);
                delay++;
            }

            delays.Add(delay);
        }

        // 60 allowed; 78 is the 99 % margin.
        Assert.InRange(alarms, 0, 78);
        Assert.InRange(delays.Max(), 1, 1_000);
    }

    [Fact]
    public void States_move()
    {
        var one = new RandomFeatureEvidence(2, 64, 1, 7);
        var random = new Random(1);
        for (var t = 0; t < 100; t++)
        {
            one.Update([random.Gaussian(), random.Gaussian()], [random.Gaussian(), 1], 1);
        }

        var buffer = new ArrayBufferWriter<byte>();
        one.Save(new CanonicalWriter(buffer));
        var other = new RandomFeatureEvidence(2, 64, 1, 7);
        var reader = new CanonicalReader(buffer.WrittenSpan);
        other.Restore(ref reader);
        reader.ExpectEnd();
        one.Update([0.1, 0.2], [0.3, 0.4], 1);
        other.Update([0.1, 0.2], [0.3, 0.4], 1);
        Assert.Equal(one.Value, other.Value);
    }

    [Fact]
    public void Wrong_parameters_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new BernoulliEvidence(0));
        Assert.Throws<ArgumentException>(() => new BernoulliEvidence(0.5, [0.4]));
        Assert.Throws<ArgumentException>(() => new BetaBinomialEvidence(0, 1, [0.5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BoundedMeanEvidence(1, true));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BoundedMeanEvidence(0.5, true).Update(double.NaN));
        Assert.Throws<ArgumentException>(() => new RandomFeatureEvidence(2, 64, 1, 7).Update([1], [1, 2], 1));
    }

    /// <summary>A rate from Beta(2, 18), as the second smallest of 19 uniforms.</summary>
    private static double BetaDraw(Random random) => Enumerable.Range(0, 19).Select(_ => random.NextDouble()).Order().ElementAt(1);
}
