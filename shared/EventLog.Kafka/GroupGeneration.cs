using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Confluent.Kafka;

namespace Monitoring.EventLog.Kafka;

/// <summary>
/// The generation of a group (KIP-848: the member's epoch), which grows with every change of owners. Confluent.Kafka hands it on only
/// inside of what transactions need: librdkafka's serialized group metadata, "CGMDv2:" and then the generation as a 32-bit integer.
/// </summary>
internal static class GroupGeneration
{
    private static ReadOnlySpan<byte> Magic => "CGMDv2:"u8;

    public static long Of(IConsumer<byte[], byte[]?> consumer)
    {
        var serialized = Serialized(consumer.ConsumerGroupMetadata);
        return serialized.AsSpan().StartsWith(Magic) && serialized.Length >= Magic.Length + 4
            ? BinaryPrimitives.ReadInt32LittleEndian(serialized.AsSpan(Magic.Length))
            : throw new EventLogException("this librdkafka serializes its group metadata in another way: the group's generation is unknown", isTransient: false);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "serializedMetadata")]
    private static extern ref byte[] Serialized([UnsafeAccessorType("Confluent.Kafka.ConsumerGroupMetadata, Confluent.Kafka")] object metadata);
}
