using System.ComponentModel;
using System.ComponentModel.DataAnnotations;

namespace Monitoring.Hosting.Configuration;

/// <summary>An entry of <c>receivers</c>: exactly one of webhook, slack, pagerDuty, teams, alertmanager.</summary>
public sealed record ReceiverConfiguration
{
    [Required, RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", ErrorMessage = "letters, digits, '.', '_' and '-', at most 100"), Description("Name.")]
    public string Name { get; init; } = "";

    [Description("False alarms that this receiver accepts, for everything routed to it in the whole installation.")]
    public FalseAlarmRate FalseAlarms { get; init; } = new(1, TimeSpan.FromDays(30));

    [Description("harm gets messages at once; change also gets the daily digest; record gets everything.")]
    public ReceiverSeverity Severity { get; init; } = ReceiverSeverity.Change;

    [Description("Signed webhook (Standard Webhooks 1.0.0).")]
    public WebhookConfiguration? Webhook { get; init; }

    [Description("Slack incoming webhook.")]
    public SlackConfiguration? Slack { get; init; }

    [Description("PagerDuty Events API v2.")]
    public PagerDutyConfiguration? PagerDuty { get; init; }

    [Description("Microsoft Teams workflow.")]
    public TeamsConfiguration? Teams { get; init; }

    [Description("Prometheus Alertmanager v2.")]
    public AlertmanagerConfiguration? Alertmanager { get; init; }

    [Description("Allow addresses in private and loopback networks. Off: such calls are refused, whatever a name resolves to.")]
    public bool AllowPrivateAddresses { get; init; }

    [Description("Longest wait for an answer.")]
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(15);
}

/// <summary>What a receiver is told.</summary>
public enum ReceiverSeverity
{
    Harm,
    Change,
    Record,
}

/// <summary>Section <c>receivers[].webhook</c>.</summary>
public sealed record WebhookConfiguration
{
    [Required, Description("Address.")]
    public Uri? Url { get; init; }

    [Description("Signing secret, whsec_ and base64.")]
    public SecretReference? Secret { get; init; }

    [Description("Earlier secret, while receivers change over: both sign.")]
    public SecretReference? PreviousSecret { get; init; }

    [Description("standard is Standard Webhooks; githubDispatch is GitHub's repository_dispatch, which starts a workflow: the address is https://api.github.com/repos/OWNER/REPOSITORY/dispatches.")]
    public WebhookFormat Format { get; init; } = WebhookFormat.Standard;

    [Description("Bearer token sent along, for example GitHub's.")]
    public SecretReference? Token { get; init; }
}

/// <summary>What a webhook's body is.</summary>
public enum WebhookFormat
{
    Standard,
    GithubDispatch,
}

/// <summary>Section <c>receivers[].slack</c>.</summary>
public sealed record SlackConfiguration
{
    [Required, Description("Address of the incoming webhook; it is a secret.")]
    public SecretReference? Url { get; init; }
}

/// <summary>Section <c>receivers[].pagerDuty</c>.</summary>
public sealed record PagerDutyConfiguration
{
    [Required, Description("Integration key.")]
    public SecretReference? RoutingKey { get; init; }

    [Description("Events API host.")]
    public Uri Url { get; init; } = new("https://events.pagerduty.com");

    [Description("Secret of the webhook by which acknowledgements come back.")]
    public SecretReference? WebhookSecret { get; init; }
}

/// <summary>Section <c>receivers[].teams</c>.</summary>
public sealed record TeamsConfiguration
{
    [Required, Description("Address of the flow; it is a secret.")]
    public SecretReference? Url { get; init; }
}

/// <summary>Section <c>receivers[].alertmanager</c>.</summary>
public sealed record AlertmanagerConfiguration
{
    [Required, Description("Base address.")]
    public Uri? Url { get; init; }

    [Description("Firing alerts are sent again this often; below Alertmanager's resolve_timeout.")]
    public TimeSpan Resend { get; init; } = TimeSpan.FromMinutes(1);
}

/// <summary>An entry of <c>routes</c>: every key given must match; lists match any of theirs.</summary>
public sealed record RouteConfiguration
{
    [Required, Description("Name of the receiver.")]
    public string Receiver { get; init; } = "";

    [Description("Models.")]
    public IReadOnlyList<string> Models { get; init; } = [];

    [Description("Owners.")]
    public IReadOnlyList<string> Owners { get; init; } = [];

    [Description("Families: drift, outlier, adversarial, extraction, leakage, quality, pipeline.")]
    public IReadOnlyList<string> Families { get; init; } = [];

    [Description("Go on to later routes too.")]
    public bool Continue { get; init; }
}

/// <summary>Section <c>alerting</c>.</summary>
public sealed record AlertingConfiguration
{
    [Description("An incident without a new finding for this long is resolved.")]
    public TimeSpan ResolveAfter { get; init; } = TimeSpan.FromHours(1);

    [Description("Findings older than this when they arrive update incidents without a message.")]
    public TimeSpan StaleAfter { get; init; } = TimeSpan.FromMinutes(15);

    [Description("When the daily digest is sent, in UTC: time since midnight.")]
    public TimeSpan DigestAt { get; init; } = TimeSpan.FromHours(8);

    [Range(2, 100_000), Description("Models opening the same family within the storm window that become members of one incident.")]
    public int StormModels { get; init; } = 20;

    [Description("The storm window.")]
    public TimeSpan StormWindow { get; init; } = TimeSpan.FromMinutes(1);

    [Description("A model whose events stop for this long opens an incident. Off when absent: quiet nights are no harm.")]
    public TimeSpan? NoDataAfter { get; init; }

    [Description("Show clients' own names in sentences and messages. Off: a few characters of the sealed id; a responder reveals one, which is audited.")]
    public bool RevealClients { get; init; }

    [Description("Carries row ids between the database and the senders: in this process, or by RabbitMQ.")]
    public SecretReference? RabbitMq { get; init; }
}
