namespace Monitoring.Leakage;

/// <summary>What kind of personal or secret data a text holds.</summary>
internal enum PersonalDataType
{
    CardNumber,
    Iban,
    SocialSecurityNumber,
    Email,
    Phone,
    SecretKey,
}
