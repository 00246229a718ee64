namespace Monitoring.Storage;

/// <summary>The database cannot be used as it is; the message names the remedy.</summary>
public sealed class StorageSchemaException(string message) : Exception(message);
