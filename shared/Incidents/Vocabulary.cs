using System.Text.Json;
using Monitoring.Contracts;
using Monitoring.Storage;

namespace Monitoring.Incidents;

/// <summary>Names of enum values as people and interfaces see them: camelCase, permanent.</summary>
public static class Vocabulary
{
    public static string Of(Family family) => Camel(family.ToString());

    public static string Of(Severity severity) => Camel(severity.ToString());

    public static string Of(IncidentState state) => Camel(state.ToString());

    public static bool TryParseFamily(string text, out Family family) => Enum.TryParse(text, ignoreCase: true, out family) && Enum.IsDefined(family) && !char.IsAsciiDigit(text[0]);

    public static string Camel(string name) => JsonNamingPolicy.CamelCase.ConvertName(name);
}
