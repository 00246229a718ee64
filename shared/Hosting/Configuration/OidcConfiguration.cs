using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>Section <c>api.oidc</c>.</summary>
public sealed record OidcConfiguration
{
    [Required, Description("Issuer: https, or http on loopback.")]
    public Uri? Authority { get; init; }

    [Description("Audience that a token in a request to the API must carry; without it the API takes no tokens.")]
    public string Audience { get; init; } = "";

    [Description("Claim that holds the roles (publish, view, respond, admin) where there are no grants; models may be named by the claim model.")]
    public string RoleClaim { get; init; } = "roles";

    [Description("Who may do what, by what the provider says of them. With grants, only they count; what fits adds up.")]
    public IReadOnlyList<OidcGrantConfiguration> Grants { get; init; } = [];

    [Description("Sign-in of people on the console's pages by authorization code with PKCE.")]
    public OidcSignInConfiguration? SignIn { get; init; }
}

/// <summary>An entry of <c>api.oidc.grants</c>.</summary>
public sealed record OidcGrantConfiguration
{
    [Required, Description("Claim to look at, for example groups. One value or a list of them.")]
    public string Claim { get; init; } = "";

    [Required, Description("Value that it must have, or hold.")]
    public string Value { get; init; } = "";

    [Description("What that allows.")]
    public IReadOnlyList<Role> Roles { get; init; } = [Role.View];

    [Description("Models that it is for; empty means all.")]
    public IReadOnlyList<string> Models { get; init; } = [];
}

/// <summary>Section <c>api.oidc.signIn</c>.</summary>
public sealed record OidcSignInConfiguration
{
    [Required, Description("This installation's id at the provider. The address to register there is api.publicUrl with the path /login/callback.")]
    public string ClientId { get; init; } = "";

    [Description("Secret of the client; none for a public client, which PKCE protects.")]
    public SecretReference? ClientSecret { get; init; }

    [Description("Scopes to ask for; openid is one of them.")]
    public IReadOnlyList<string> Scopes { get; init; } = ["openid", "profile"];

    [Description("Claim with the name that the audit shows; sub where it is missing. The audit keeps sub with every sign-in.")]
    public string NameClaim { get; init; } = "preferred_username";

    [Description("How long a session lasts. What the provider takes away in the meantime is noticed at the next sign-in.")]
    public TimeSpan Session { get; init; } = TimeSpan.FromHours(8);

    [Description("What the button calls the provider.")]
    public string Title { get; init; } = "single sign-on";
}
