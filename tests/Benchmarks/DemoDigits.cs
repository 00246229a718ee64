namespace Monitoring.Benchmarks;

/// <summary>Where the demo's models and data lie: <c>infra/demo</c> of the checkout the benchmark runs in.</summary>
internal sealed record DemoDigits(string Repository)
{
    public static DemoDigits Open()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(System.IO.Path.Combine(folder.FullName, "infra", "demo", "digits.onnx")))
            {
                return new DemoDigits(folder.FullName);
            }
        }

        throw new FileNotFoundException("infra/demo/digits.onnx is in no folder above the benchmark");
    }

    public string Path(string file) => System.IO.Path.Combine(Repository, "infra", "demo", file);
}
