using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting.Tests;

public sealed class ConfigurationTests
{
    [Fact]
    public void Empty_file_is_the_defaults()
    {
        var loaded = Parse("");
        Assert.Empty(loaded.Errors);
        Assert.Equal("data", loaded.Value.Data);
        Assert.Equal(["http://127.0.0.1:8080"], loaded.Value.Api.Listen);
    }

    [Fact]
    public void Every_type_of_value_is_read()
    {
        var loaded = Parse("""
            data: /var/lib/monitoring
            log:
              kind: kafka
              retentionAge: 36h
              retentionSize: 2GiB
              kafka:
                bootstrapServers: broker:9092
                groupProtocol: consumer
                properties:
                  security.protocol: SASL_SSL
                secrets:
                  sasl.password: env:KAFKA_PASSWORD
            models:
              - name: digits
                tolerance: 0.05
                autoApprove: false
                client: [api-key, 'header:x-user', address]
                monitors:
                  - kind: knn
                    options: { k: 5, on: [image, embedding] }
            receivers:
              - name: oncall
                falseAlarms: 2 per 7d
                severity: harm
                webhook: { url: 'https://example.org/hook', secret: 'file:/run/secrets/hook' }
            routes:
              - receiver: oncall
                models: digits
            """);
        Assert.Empty(loaded.Errors);
        Assert.Equal(TimeSpan.FromHours(36), loaded.Value.Log.RetentionAge);
        Assert.Equal(2L << 30, loaded.Value.Log.RetentionSize.Bytes);
        Assert.Equal("SASL_SSL", loaded.Value.Log.Kafka!.Properties["security.protocol"]);
        Assert.Equal("KAFKA_PASSWORD", loaded.Value.Log.Kafka.Secrets["sasl.password"].Name);
        var model = Assert.Single(loaded.Value.Models);
        Assert.Equal(0.05, model.Tolerance);
        Assert.False(model.AutoApprove);
        Assert.Equal(["api-key", "header:x-user", "address"], model.Client);
        var options = Assert.Single(model.Monitors!).Options.Values;
        Assert.Equal("5", options["k"]);
        Assert.Equal("image,embedding", options["on"]);
        Assert.Equal(new FalseAlarmRate(2, TimeSpan.FromDays(7)), Assert.Single(loaded.Value.Receivers).FalseAlarms);
        Assert.Equal(["digits"], Assert.Single(loaded.Value.Routes).Models);
    }

    [Fact]
    public void Every_error_is_reported_at_once_with_line_and_allowed_values()
    {
        var loaded = Parse("""
            dat: x
            log:
              kind: pulsar
              partitions: 0
              retentionAge: 7
            models:
              - version: "1"
              - name: a
                tolerance: 2
                client: [cookie]
                onnx: { path: nowhere.onnx, sha256: 12 }
              - name: a
            receivers:
              - name: r
                falseAlarms: never
                webhook: { url: ftp://x, secret: hunter2 }
            routes:
              - receiver: nobody
            """);
        Assert.Contains(loaded.Errors, e => e is { Line: 1, Path: "dat" } && e.Message.Contains("allowed: alerting, api", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 3, Path: "log.kind" } && e.Message.Contains("embedded, kafka", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 4, Path: "log.partitions" } && e.Message.Contains("1 to 1024", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 5, Path: "log.retentionAge" } && e.Message.Contains("30s", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 7, Path: "models[0].name" } && e.Message.Contains("required", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 9, Path: "models[1].tolerance" });
        Assert.Contains(loaded.Errors, e => e is { Line: 10, Path: "models[1].client[0]" } && e.Message.Contains("api-key", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 11, Path: "models[1].onnx.path" } && e.Message.Contains("does not exist", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 11, Path: "models[1].onnx.sha256" });
        Assert.Contains(loaded.Errors, e => e is { Line: 12, Path: "models[2].name" } && e.Message.Contains("earlier", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 15, Path: "receivers[0].falseAlarms" } && e.Message.Contains("1 per 30d", StringComparison.Ordinal));
        Assert.Contains(loaded.Errors, e => e is { Line: 16, Path: "receivers[0].webhook.url" });
        Assert.Contains(loaded.Errors, e => e is { Line: 16, Path: "receivers[0].webhook.secret" });
        Assert.Contains(loaded.Errors, e => e is { Line: 18, Path: "routes[0].receiver" });
        Assert.DoesNotContain(loaded.Errors, e => e.ToString().Contains("hunter2", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("a: [1, 2", "is not YAML")]
    [InlineData("a: &x [1]\nb: *x", "aliases are not allowed")]
    [InlineData("- 1", "expected a mapping")]
    public void Hostile_or_broken_file_is_one_clear_error(string text, string message) =>
        Assert.Contains(Parse(text).Errors, e => e.Message.Contains(message, StringComparison.Ordinal));

    [Fact]
    public void Deep_nesting_is_an_error_and_not_a_crash() =>
        Assert.Contains(Parse(new string('[', 20_000)).Errors, e => e.Message.Contains("nested", StringComparison.Ordinal));

    [Fact]
    public void Missing_file_is_an_error() =>
        Assert.Contains(LoadedConfiguration.Load("/nowhere/monitoring.yaml", ConfigurationValidators.BuiltIn).Errors, e => e.Message == "does not exist");

    [Fact]
    public void Posture_is_warned_of()
    {
        var loaded = Parse("""
            api: { listen: ['http://0.0.0.0:8080'] }
            models: [{ name: a }]
            receivers: [{ name: r, webhook: { url: 'https://example.org' } }]
            """);
        Assert.Empty(loaded.Errors);
        Assert.Contains(loaded.Warnings, w => w.Message.Contains("without authentication", StringComparison.Ordinal));
        Assert.Contains(loaded.Warnings, w => w.Message.Contains("without TLS", StringComparison.Ordinal));
        Assert.Contains(loaded.Warnings, w => w.Message.Contains("no client identity", StringComparison.Ordinal));
        Assert.Contains(loaded.Warnings, w => w.Message.Contains("unsigned", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("kafka", "", true)]
    [InlineData("kafka", ", links: { enabled: false }", false)]
    [InlineData("kafka", ", links: { key: 'env:MONITORING_LINK_KEY' }", false)]
    [InlineData("embedded", "", false)]
    public void Services_of_their_own_need_one_key_for_links(string log, string links, bool warns)
    {
        var loaded = Parse($$"""
            api: { keys: [{ name: a, sha256: '{{new string('a', 64)}}' }]{{links}} }
            log: { kind: {{log}}, kafka: { bootstrapServers: 'b:9092' } }
            models: [{ name: a }]
            """);
        Assert.Equal(warns, loaded.Warnings.Any(w => w.Path == "api.links.key"));
    }

    [Theory]
    [InlineData("1KiB", 1024)]
    [InlineData("1.5GiB", 1610612736)]
    [InlineData("12B", 12)]
    public void Sizes_are_read_and_written(string text, long bytes)
    {
        Assert.True(ByteSize.TryParse(text, out var size));
        Assert.Equal(bytes, size.Bytes);
        Assert.True(ByteSize.TryParse(size.ToString(), out var again));
        Assert.Equal(size, again);
    }

    [Theory]
    [InlineData("1 per 30d", true)]
    [InlineData("0.5 per 12h", true)]
    [InlineData("0 per 1d", false)]
    [InlineData("1 per day", false)]
    public void Rates_are_read(string text, bool valid) => Assert.Equal(valid, FalseAlarmRate.TryParse(text, out _));

    [Fact]
    public void Missing_secret_is_named_but_never_shown()
    {
        Assert.True(SecretReference.TryParse("env:MONITORING_TEST_NOT_SET", out var secret));
        Assert.Contains("env:MONITORING_TEST_NOT_SET", Assert.Throws<InvalidOperationException>(secret!.Read).Message, StringComparison.Ordinal);
        Assert.False(SecretReference.TryParse("hunter2", out _));
    }

    private static LoadedConfiguration Parse(string yaml) => LoadedConfiguration.Parse(yaml, "monitoring.yaml", ConfigurationValidators.BuiltIn);
}
