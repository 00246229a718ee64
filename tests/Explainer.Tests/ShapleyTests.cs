namespace Monitoring.Explainer.Tests;

public sealed class ShapleyTests
{
    private static readonly PerturbationRequest s_options = new(0, (_, _, _) => { });

    /// <summary>shap.json's function; its inputs have four decimals, so rounding removes what float32 added.</summary>
    private static readonly DelegateModel s_function = new(6, 1, (row, output) =>
    {
        double X(int i) => Math.Round(row.Span[i], 4);
        output.Span[0] = (2 * X(0)) + (X(1) * X(2)) - Math.Sin(X(3)) + (X(4) > 0 ? X(5) : 0.5 * X(0));
    });

    [Fact]
    public async Task Kernel_shap_equals_exact_shapley_values_where_all_coalitions_fit()
    {
        var golden = Golden.Read("shap.json");
        var background = golden.GetProperty("background").Matrix();
        var rows = golden.GetProperty("x").Matrix();
        var exact = golden.GetProperty("shapley_exact").Matrix();
        var reference = golden.GetProperty("kernel_explainer").GetProperty("values").Matrix();
        var groups = FeatureGroups.Single(["a", "b", "c", "d", "e", "f"]);
        var explainer = new KernelShap(new PerturbationEngine(s_function), groups, new Background(Golden.Floats(background), background.Length), CoalitionDesign.Create(6, 200, seed: 1));
        for (var i = 0; i < rows.Length; i++)
        {
            var result = await explainer.ExplainAsync(Golden.Floats([rows[i]]), s_options, TestContext.Current.CancellationToken);
            Assert.Equal(golden.GetProperty("expected_value_exact").GetDouble(), result.Base[0], 1e-9);
            for (var g = 0; g < 6; g++)
            {
                Assert.Equal(exact[i][g], result.Values[g], 1e-9);
                Assert.Equal(reference[i][g], result.Values[g], 1e-9);
            }
        }
    }

    [Fact]
    public async Task Kernel_shap_equals_the_reference_on_a_logistic_model()
    {
        var golden = Golden.Read("shap.json").GetProperty("logistic");
        var w = golden.GetProperty("w").Vector();
        var b = golden.GetProperty("b").GetDouble();
        var background = golden.GetProperty("background").Matrix();
        var rows = golden.GetProperty("x").Matrix();
        var exact = golden.GetProperty("values_exact").Matrix();
        var model = new DelegateModel(12, 1, (row, output) =>
        {
            var z = b;
            for (var i = 0; i < 12; i++)
            {
                z += w[i] * Math.Round(row.Span[i], 4);
            }

            output.Span[0] = 1 / (1 + Math.Exp(-z));
        });
        var groups = FeatureGroups.Single([.. Enumerable.Range(0, 12).Select(i => $"x{i}")]);
        var bg = new Background(Golden.Floats(background), background.Length);
        var all = new KernelShap(new PerturbationEngine(model), groups, bg, CoalitionDesign.Create(12, 5000, seed: 0));
        var sampled = new KernelShap(new PerturbationEngine(model), groups, bg, CoalitionDesign.Create(12, 256, seed: 0));
        var largest = 0.0;
        for (var i = 0; i < rows.Length; i++)
        {
            var result = await all.ExplainAsync(Golden.Floats([rows[i]]), s_options, TestContext.Current.CancellationToken);
            Assert.Equal(golden.GetProperty("expected_value").GetDouble(), result.Base[0], 1e-9);
            var approximate = await sampled.ExplainAsync(Golden.Floats([rows[i]]), s_options, TestContext.Current.CancellationToken);
            for (var g = 0; g < 12; g++)
            {
                Assert.Equal(exact[i][g], result.Values[g], 1e-8);
                largest = Math.Max(largest, Math.Abs(exact[i][g] - approximate.Values[g]));
            }
        }

        // The reference's own sampling error at 256 samples is 0.0204.
        Assert.InRange(largest, 1e-6, golden.GetProperty("sampled_max_abs_error").GetDouble() * 1.5);
    }

    [Fact]
    public async Task Efficiency_values_sum_to_the_difference_for_every_output()
    {
        var model = Golden.SoftmaxDigits();
        var image = new Detection.ImageLayout(28, 28, ChannelsFirst: true);
        var groups = FeatureGroups.Grid(image, 8);
        var engine = new PerturbationEngine(model);
        var background = new Background(new float[784], 1);
        var kernel = new KernelShap(engine, groups, background, CoalitionDesign.Create(64, CoalitionDesign.DefaultSamples(64), seed: 3));
        var permutation = new PermutationShapley(engine, groups, background, orders: 8, seed: 3);
        for (var d = 0; d < 3; d++)
        {
            var digit = Golden.Digit(d);
            foreach (var result in new[] { await kernel.ExplainAsync(digit, s_options, TestContext.Current.CancellationToken), await permutation.ExplainAsync(digit, s_options, TestContext.Current.CancellationToken) })
            {
                for (var o = 0; o < 10; o++)
                {
                    Assert.Equal(result.Value[o] - result.Base[o], result.Of(o).Sum(), 1e-9);
                }
            }
        }
    }

    [Fact]
    public async Task Kernel_and_permutation_agree_within_the_stated_error()
    {
        var digit = Golden.Digit(0);
        var groups = FeatureGroups.Grid(new Detection.ImageLayout(28, 28, ChannelsFirst: true), 4);
        var engine = new PerturbationEngine(Golden.SoftmaxDigits());
        var background = new Background(new float[784], 1);
        var exact = await new KernelShap(engine, groups, background, CoalitionDesign.Create(16, 70_000, seed: 0)).ExplainAsync(digit, s_options, TestContext.Current.CancellationToken);
        Assert.Equal(2 + 65_534, exact.Rows);
        var sampled = await new PermutationShapley(engine, groups, background, orders: 200, seed: 1).ExplainAsync(digit, s_options, TestContext.Current.CancellationToken);
        var top = exact.TopOutput;
        for (var g = 0; g < 16; g++)
        {
            var at = (g * 10) + top;
            Assert.InRange(Math.Abs(exact.Values[at] - sampled.Values[at]), 0, (5 * sampled.StandardErrors![at]) + 1e-9);
        }

        Assert.True(sampled.StandardErrors!.Max() > 1e-4);
    }

    [Fact]
    public void Same_seed_gives_the_same_design_and_budget_is_kept()
    {
        var a = CoalitionDesign.Create(64, 2176, seed: 5);
        var b = CoalitionDesign.Create(64, 2176, seed: 5);
        var c = CoalitionDesign.Create(64, 2176, seed: 6);
        Assert.Equal(a.Coalitions, b.Coalitions);
        Assert.NotEqual(a.Coalitions, c.Coalitions);
        Assert.InRange(a.Count, 2000, 2176);
        Assert.Equal(a.Count, Enumerable.Range(0, a.Count).Select(i => a.Coalition(i)[0]).Distinct().Count());
        Assert.DoesNotContain(0UL, a.Coalitions);
        Assert.DoesNotContain(ulong.MaxValue, a.Coalitions);
    }

    [Fact]
    public async Task More_than_64_groups_work()
    {
        var model = new DelegateModel(100, 1, (row, output) =>
        {
            var sum = 0.0;
            for (var i = 0; i < 100; i++)
            {
                sum += i * row.Span[i];
            }

            output.Span[0] = sum;
        });
        var groups = FeatureGroups.Single([.. Enumerable.Range(0, 100).Select(i => $"x{i}")]);
        var ones = Enumerable.Repeat(1f, 100).ToArray();
        var kernel = new KernelShap(new PerturbationEngine(model), groups, new Background(new float[100], 1), CoalitionDesign.Create(100, 2248, seed: 0));
        var result = await kernel.ExplainAsync(ones, s_options, TestContext.Current.CancellationToken);
        for (var i = 0; i < 100; i++)
        {
            // The function is linear: any design that determines all groups finds the coefficients.
            Assert.Equal(i, result.Values[i], 1e-6);
        }
    }
}
