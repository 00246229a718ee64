namespace Monitoring.TestKit.Oidc;

/// <summary>What the provider does wrong.</summary>
public enum OidcFault
{
    None,

    /// <summary>The person says no: the browser comes back with an error.</summary>
    AccessDenied,

    /// <summary>The ID token is for another client.</summary>
    WrongAudience,

    /// <summary>The ID token names another issuer.</summary>
    WrongIssuer,

    /// <summary>The ID token is signed by a key that is not published, under the id of one that is.</summary>
    WrongKey,

    /// <summary>A claim was changed after signing.</summary>
    ChangedAfterSigning,

    /// <summary>The ID token ended ten minutes ago.</summary>
    Expired,

    /// <summary>The ID token begins in ten minutes.</summary>
    NotYet,

    /// <summary>The ID token repeats the nonce of somebody else.</summary>
    WrongNonce,

    /// <summary>The ID token has no nonce.</summary>
    NoNonce,

    /// <summary>The ID token is not signed: <c>alg: none</c>.</summary>
    Unsigned,

    /// <summary>The ID token is signed with HMAC under the published public key, the oldest trick.</summary>
    SignedWithPublicKey,

    /// <summary>The token endpoint answers without an ID token.</summary>
    NoIdToken,

    /// <summary>The token endpoint answers 503.</summary>
    TokenUnavailable,

    /// <summary>The token endpoint answers 200 with what is no JSON.</summary>
    TokenNonsense,
}
