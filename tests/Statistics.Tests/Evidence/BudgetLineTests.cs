using Monitoring.Benchmarks.Budget;

namespace Monitoring.Statistics.Tests;

/// <summary>
/// RUNTIME 7, lines 1 to 8 and 10, by the code of <c>tests/Benchmarks -- budget</c> on a fraction of its streams; seeds are fixed, so a line
/// that holds here holds always, and one that breaks was broken by a change of code. Digits have a
/// stand-in for the model's outputs here: this project knows no ONNX Runtime; the full suite runs the model.
/// </summary>
public sealed class BudgetLineTests
{
    [Fact]
    public void Stationary_streams_keep_the_budget() => Holds(StationaryLines.Gaussian(0.1));

    [Fact]
    public void Stationary_digits_keep_the_budget() => Holds(DigitLines.Stationary(s_digits.Value, 0.05));

    [Fact]
    public void Changes_are_found_in_time() => Holds(DelayLines.Gaussian(0.5));

    [Fact]
    public void Usual_cycles_are_not_change() => Holds(CycleLines.Cycles(0.1));

    [Fact]
    public void Dependent_traffic_keeps_the_budget() => Holds(DependenceLines.All(0.2));

    [Fact]
    public void Any_rate_of_traffic_keeps_the_budget() => Holds(CycleLines.Rates(0.1));

    [Fact]
    public void Tolerated_changes_stay_silent() => Holds(DelayLines.Tolerance(0.1));

    [Fact]
    public void Many_streams_keep_one_budget() => Holds(ManyLines.Many(0.05));

    [Fact]
    public void Honest_clients_that_differ_keep_the_budget() => Holds(DigitLines.Clients(s_digits.Value, 0.2));

    [Fact]
    public void Interrupted_and_undisturbed_runs_are_equal_byte_for_byte() => Holds(ManyLines.Replay(0.1));

    private static readonly Lazy<Digits> s_digits = new(() => new Digits((images, count) =>
    {
        // The mean brightness of ten image strips stands in for a model's output: some deterministic classes and entropies.
        var outputs = new float[count * 10];
        for (var i = 0; i < count; i++)
        {
            var sums = new float[10];
            for (var p = 0; p < Digits.Pixels; p++)
            {
                sums[p % Digits.Side * 10 / Digits.Side] += images[(i * Digits.Pixels) + p];
            }

            var total = sums.Sum() + 1e-6f;
            for (var c = 0; c < 10; c++)
            {
                outputs[(i * 10) + c] = sums[c] / total;
            }
        }

        return outputs;
    }));

    private static void Holds(IEnumerable<BudgetLine> lines)
    {
        var all = lines.ToList();
        Assert.NotEmpty(all);
        Assert.True(all.TrueForAll(l => l.Ok), string.Join('\n', all.Where(l => !l.Ok)));
    }
}
