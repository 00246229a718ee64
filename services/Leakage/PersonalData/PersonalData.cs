namespace Monitoring.Leakage;

/// <summary>A find in a text.</summary>
/// <param name="Type">Kind.</param>
/// <param name="Value">Letters and digits of the find, lower-case: equal for equal data however written.</param>
internal readonly record struct PersonalData(PersonalDataType Type, string Value);
