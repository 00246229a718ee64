using Monitoring.TestKit;

namespace Monitoring.Scoring.Tests;

/// <summary>On machines without a CUDA device, as CI is: what auto says, and what a named device does.</summary>
public sealed class DeviceTests
{
    [Fact]
    public void Auto_without_a_provider_is_the_cpu_and_says_why()
    {
        using var runtime = new ScoringRuntime();
        Assert.Equal(new DeviceChoice("auto", "cpu", "no CUDA provider folder is configured"), runtime.Device);
    }

    [Fact]
    public void Auto_with_a_broken_provider_is_the_cpu_and_says_why()
    {
        using var folder = new TemporaryDirectory();
        using var empty = new ScoringRuntime(new ScoringOptions { CudaProviderFolder = folder.Path });
        Assert.Equal("cpu", empty.Device.Device);
        Assert.Contains("holds no libonnxruntime_providers_cuda.so", empty.Device.Reason, StringComparison.Ordinal);
        File.WriteAllText(folder.File("libonnxruntime_providers_cuda.so"), "not a library");
        using var broken = new ScoringRuntime(new ScoringOptions { CudaProviderFolder = folder.Path });
        Assert.Equal(new DeviceChoice("auto", "cpu", "the CUDA provider failed to load"), broken.Device);
    }

    [Theory]
    [InlineData("cuda:0", "asked for by name, but no CUDA provider folder is configured")]
    [InlineData("cuda:x", "allowed: auto, cpu, cuda:N")]
    [InlineData("gpu", "allowed: auto, cpu, cuda:N")]
    public void A_named_device_that_is_absent_is_an_error(string device, string message)
    {
        var error = Assert.Throws<ScoringException>(() => new ScoringRuntime(new ScoringOptions { Device = device }));
        Assert.Equal(ScoringError.Device, error.Error);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
