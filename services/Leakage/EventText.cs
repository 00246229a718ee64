using System.Buffers.Binary;
using System.Text;
using Monitoring.Contracts;

namespace Monitoring.Leakage;

/// <summary>Texts in an event's tensors.</summary>
internal static class EventText
{
    /// <summary>The elements of all BYTES tensors as UTF-8; bytes that are no UTF-8 become replacement characters, a truncated element ends its tensor.</summary>
    public static IEnumerable<string> Of(IEnumerable<Tensor> tensors)
    {
        foreach (var tensor in tensors)
        {
            if (tensor.Datatype != "BYTES")
            {
                continue;
            }

            var data = tensor.Data.Memory;
            while (data.Length >= 4)
            {
                var length = BinaryPrimitives.ReadInt32LittleEndian(data.Span);
                if (length < 0 || length > data.Length - 4)
                {
                    break;
                }

                yield return Encoding.UTF8.GetString(data.Span.Slice(4, length));
                data = data[(4 + length)..];
            }
        }
    }
}
