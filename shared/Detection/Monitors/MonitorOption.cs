using System.Reflection;

namespace Monitoring.Detection;

/// <summary>An option of a kind, as reference pages show it.</summary>
public sealed record MonitorOption(string Key, PropertyInfo Property, string Description, string Default);
