using Monitoring.Hosting.Configuration;

namespace Monitoring.Hosting;

/// <summary>Names of the authorization policies: <c>endpoint.RequireAuthorization(Policies.View)</c>.</summary>
public static class Policies
{
    public const string Publish = "publish";
    public const string View = "view";
    public const string Respond = "respond";
    public const string Admin = "admin";

    /// <summary>Claim that names a model the caller is limited to; without it, all models.</summary>
    public const string ModelClaim = "model";

    internal static string NameOf(Role role) => role switch
    {
        Role.Publish => Publish,
        Role.View => View,
        Role.Respond => Respond,
        _ => Admin,
    };
}
