using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Monitoring.Storage;

/// <summary>Settings that SQLite keeps per connection, not in the file.</summary>
internal sealed class SqlitePragmas(bool survivesPowerCut) : DbConnectionInterceptor
{
    // busy_timeout waits inside SQLite, in small steps; without it the driver polls every 150 ms.
    private readonly string _sql = $"PRAGMA synchronous = {(survivesPowerCut ? "FULL" : "NORMAL")}; PRAGMA busy_timeout = 5000;";

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        using var command = connection.CreateCommand();
        command.CommandText = _sql;
        command.ExecuteNonQuery();
    }

    public override async Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        var command = connection.CreateCommand();
        await using (command.ConfigureAwait(false))
        {
            command.CommandText = _sql;
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
