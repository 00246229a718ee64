namespace Monitoring.Hosting.Configuration;

/// <summary>A check beyond types and ranges: many small ones, all run, none stops the others.</summary>
public interface IConfigurationValidator
{
    void Validate(LoadedConfiguration configuration, ValidationReport report);
}

/// <summary>Collects errors and warnings with the line of their path.</summary>
public sealed class ValidationReport
{
    private readonly string _file;
    private readonly LineIndex _lines;
    private readonly List<ConfigurationError> _errors;
    private readonly List<ConfigurationError> _warnings;

    internal ValidationReport(string file, LineIndex lines, List<ConfigurationError> errors, List<ConfigurationError> warnings)
    {
        _file = file;
        _lines = lines;
        _errors = errors;
        _warnings = warnings;
    }

    /// <summary>For errors of nested settings bound later.</summary>
    public ICollection<ConfigurationError> Errors => _errors;

    public void Error(string path, string message) => _errors.Add(new ConfigurationError(_file, _lines.Find(path), path, message));

    public void Warning(string path, string message) => _warnings.Add(new ConfigurationError(_file, _lines.Find(path), path, message));
}
