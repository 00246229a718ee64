using Google.Protobuf;

namespace Monitoring.Detection;

/// <summary>Canonical bytes of messages: fields in their order, no maps, so that equal messages are equal bytes.</summary>
internal static class Protobuf
{
    public static byte[] Canonical(IMessage message)
    {
        var bytes = new byte[message.CalculateSize()];
        using var output = new CodedOutputStream(bytes) { Deterministic = true };
        message.WriteTo(output);
        output.CheckNoSpaceLeft();
        return bytes;
    }
}
