using Microsoft.AspNetCore.Builder;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;

namespace Monitoring.AllInOne.Docs;

/// <summary>A host that is built and never started, from which reference pages are written: every singleton is made, nothing runs.</summary>
internal static class DescribedHost
{
    /// <param name="folder">For what it keeps.</param>
    /// <param name="modules">All modules.</param>
    public static WebApplication Build(string folder, IReadOnlyList<IServiceModule> modules)
    {
        // With a key, so that endpoints say who may call them; nobody has the key of this hash.
        var text = $"data: {folder}\napi: {{ listen: ['http://127.0.0.1:0'], keys: [ {{ name: nobody, sha256: '{new string('0', 64)}' }} ] }}\n";
        return MonitoringHost.Build(LoadedConfiguration.Parse(text, Path.Combine(folder, "monitoring.yaml"), []), modules);
    }
}
