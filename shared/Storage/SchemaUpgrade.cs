using System.Data.Common;

namespace Monitoring.Storage;

/// <summary>A step from one version of the tables to the next. Steps are never changed once released; new ones are added.</summary>
/// <param name="To">Version after the step; the step before leaves <c>To - 1</c>.</param>
/// <param name="ApplyAsync">Runs inside the transaction that also writes the version. The flag says whether the database is PostgreSQL.</param>
internal sealed record SchemaUpgrade(int To, Func<DbConnection, DbTransaction, bool, CancellationToken, Task> ApplyAsync);
