using System.Collections;
using Monitoring.Contracts;

namespace Monitoring.Detection;

/// <summary>Events that are parsed when somebody asks for them; few monitors do. Safe for use by several threads.</summary>
internal sealed class EncodedEvents(ReadOnlyMemory<byte>[] encoded, int count) : IReadOnlyList<InferenceEvent>
{
    private readonly InferenceEvent?[] _parsed = new InferenceEvent?[count];

    public int Count { get; } = count;

    public InferenceEvent this[int index] => _parsed[index] ??= InferenceEvent.Parser.ParseFrom(encoded[index].Span);

    public IEnumerator<InferenceEvent> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return this[i];
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
