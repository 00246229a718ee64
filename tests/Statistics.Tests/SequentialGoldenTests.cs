namespace Monitoring.Statistics.Tests;

/// <summary>Alarm indices of the sequential baselines against River.</summary>
public sealed class SequentialGoldenTests
{
    [Fact]
    public void Alarms_fall_on_the_same_updates_as_rivers()
    {
        var golden = GoldenFile.Load("river");
        var streams = golden.GetProperty("streams").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.Numbers(), StringComparer.Ordinal);
        var compared = new HashSet<string>(StringComparer.Ordinal);
        foreach (var item in golden.GetProperty("results").EnumerateArray())
        {
            var name = item.GetProperty("detector").GetString()!;
            var p = item.GetProperty("params");
            Adwin? adwin = null;
            Func<double, bool>? update = null;
            if (name.StartsWith("ADWIN_0.25", StringComparison.Ordinal))
            {
                adwin = new Adwin(p.Number("delta"), p.GetProperty("clock").GetInt32(), p.GetProperty("max_buckets").GetInt32(), p.GetProperty("min_window_length").GetInt32(), p.GetProperty("grace_period").GetInt32());
                update = adwin.Update;
            }
            else if (name.StartsWith("PageHinkley", StringComparison.Ordinal))
            {
                var direction = p.GetProperty("mode").GetString() switch { "up" => ChangeDirection.Up, "down" => ChangeDirection.Down, _ => ChangeDirection.Both };
                update = new PageHinkley(p.GetProperty("min_instances").GetInt32(), p.Number("delta"), p.Number("threshold"), p.Number("alpha"), direction).Update;
            }
            else if (name == "DDM")
            {
                update = new Ddm(p.GetProperty("warm_start").GetInt32(), p.Number("warning_threshold"), p.Number("drift_threshold")).Update;
            }
            else if (name.StartsWith("HDDM_A", StringComparison.Ordinal))
            {
                update = new HddmA(p.Number("drift_confidence"), p.GetProperty("two_sided_test").GetBoolean()).Update;
            }

            if (update is null)
            {
                continue;
            }

            compared.Add(name);
            var stream = item.GetProperty("stream").GetString()!;
            var alarms = streams[stream].Select((x, i) => (Alarm: update(x), i)).Where(a => a.Alarm).Select(a => a.i).ToArray();
            Assert.True(item.Integers("alarms").SequenceEqual(alarms), $"{name} on {stream}: expected {item.GetProperty("alarms")}, got [{string.Join(", ", alarms)}]");
            if (adwin is not null)
            {
                Assert.Equal(item.Number("width"), adwin.Width);
                Assert.Equal(item.Number("total"), adwin.Total, 1e-9);
                GoldenFile.Close(item.Number("estimation"), adwin.Mean);
            }
        }

        Assert.Equal(9, compared.Count);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_restored_detector_alarms_on_the_same_updates(bool adwin)
    {
        ISequentialDetector New() => adwin ? new Adwin() : new PageHinkley(threshold: 10);
        var random = new Random(4);
        double[] stream = [.. Enumerable.Range(0, 6_000).Select(i => random.NextDouble() + (i % 1_500 > 900 ? 1 : 0))];
        var whole = New();
        whole.Prime(stream.AsSpan(0, 500));
        var expected = stream.Select(whole.Update).ToArray();
        Assert.Contains(true, expected);
        var part = New();
        part.Prime(stream.AsSpan(0, 500));
        var actual = new bool[stream.Length];
        for (var i = 0; i < stream.Length; i++)
        {
            if (i % 777 == 0)
            {
                var buffer = new System.Buffers.ArrayBufferWriter<byte>();
                part.Save(new CanonicalWriter(buffer));
                part = New();
                var reader = new CanonicalReader(buffer.WrittenSpan);
                part.Restore(ref reader);
                reader.ExpectEnd();
            }

            actual[i] = part.Update(stream[i]);
        }

        Assert.Equal(expected, actual);
    }
}
