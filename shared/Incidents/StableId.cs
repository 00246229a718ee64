using System.Security.Cryptography;
using System.Text;

namespace Monitoring.Incidents;

/// <summary>Ids that are functions of what they name, so that doing a thing twice names it the same.</summary>
public static class StableId
{
    public static string Incident(string correlationKey, string findingId) => "inc-" + Hash(16, correlationKey, findingId);

    /// <summary>The <c>webhook-id</c>: one per (incident or digest, transition, receiver).</summary>
    public static string Notification(string subject, string transition, string receiver) => "msg_" + Hash(32, subject, transition, receiver);

    /// <summary>A policy's decision: one per (incident, policy, client).</summary>
    public static string Control(string incident, string policy, string client) => "ctl-" + Hash(32, incident, policy, client);

    private static string Hash(int digits, params ReadOnlySpan<string> parts)
    {
        // A unit separator cannot occur in any of the parts, so no two lists of parts join to the same text.
        var text = string.Join('\u001f', parts!);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..digits];
    }
}
