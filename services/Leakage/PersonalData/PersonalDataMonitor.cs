using System.Globalization;
using Monitoring.Contracts;
using Monitoring.Detection;

namespace Monitoring.Leakage;

/// <summary>Compares what an answer holds with what its request held.</summary>
internal sealed class PersonalDataMonitor(PersonalDataOptions options, ulong seed) : EventMonitor
{
    protected override void Apply(InferenceEvent inference, string client, IObservationSink sink)
    {
        var found = EventText.Of(inference.Outputs).SelectMany(PersonalDataScanner.Scan).Distinct().ToList();
        if (found.Count == 0 && !options.Requests)
        {
            return;
        }

        var asked = EventText.Of(inference.Inputs).SelectMany(PersonalDataScanner.Scan).ToHashSet();
        foreach (var data in found.Where(d => !asked.Contains(d)))
        {
            Report(data, "in an answer, and not in its request", null);
        }

        if (options.Requests)
        {
            foreach (var data in asked)
            {
                Report(data, "in a request", Severity.Change);
            }
        }

        // The value itself stays in the event: a finding holds a keyed hash, by which the same datum is known again.
        void Report(PersonalData data, string where, Severity? severity) => sink.Report(new CertainFinding(
            string.Create(CultureInfo.InvariantCulture, $"{data.Type}-{StableHash.Of(data.Value, seed):x16}-{where.Length}"),
            $"{Name(data.Type)} {where}{(client.Length > 0 ? ", client " + client : "")}")
        {
            Client = client,
            Severity = severity,
            Variable = Name(data.Type),
        });
    }

    private static string Name(PersonalDataType type) => type switch
    {
        PersonalDataType.CardNumber => "card number",
        PersonalDataType.Iban => "IBAN",
        PersonalDataType.SocialSecurityNumber => "social security number",
        PersonalDataType.Email => "e-mail address",
        PersonalDataType.Phone => "phone number",
        _ => "secret key",
    };
}
