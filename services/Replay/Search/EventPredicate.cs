namespace Monitoring.Replay.Search;

/// <summary>A condition on one row of an event.</summary>
internal abstract class EventPredicate
{
    /// <summary>True when different rows of an event may be answered differently.</summary>
    public abstract bool PerRow { get; }

    public abstract bool Matches(in EventView view, int row);

    internal sealed class All(params EventPredicate[] parts) : EventPredicate
    {
        public override bool PerRow { get; } = parts.Any(p => p.PerRow);

        public override bool Matches(in EventView view, int row)
        {
            foreach (var part in parts)
            {
                if (!part.Matches(view, row))
                {
                    return false;
                }
            }

            return true;
        }
    }

    internal sealed class Any(params EventPredicate[] parts) : EventPredicate
    {
        public override bool PerRow { get; } = parts.Any(p => p.PerRow);

        public override bool Matches(in EventView view, int row)
        {
            foreach (var part in parts)
            {
                if (part.Matches(view, row))
                {
                    return true;
                }
            }

            return false;
        }
    }

    internal sealed class Not(EventPredicate part) : EventPredicate
    {
        public override bool PerRow => part.PerRow;

        public override bool Matches(in EventView view, int row) => !part.Matches(view, row);
    }

    /// <summary>Compares bytes of a text field with constants.</summary>
    internal sealed class TextIs(TextField field, TextTest test, IReadOnlyList<byte[]> constants) : EventPredicate
    {
        public override bool PerRow => false;

        public override bool Matches(in EventView view, int row)
        {
            var value = field(view);
            foreach (var constant in constants)
            {
                if (test switch
                {
                    TextTest.Equal => value.SequenceEqual(constant),
                    TextTest.StartsWith => value.StartsWith(constant),
                    _ => value.IndexOf(constant) >= 0,
                })
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Compares a number with bounds. NaN (also: the event does not have the field) matches nothing.</summary>
    internal sealed class NumberIn(NumberField field, bool perRow, double low, double high, bool lowOpen, bool highOpen) : EventPredicate
    {
        public override bool PerRow => perRow;

        public override bool Matches(in EventView view, int row)
        {
            var value = field(view, row);
            return (lowOpen ? value > low : value >= low) && (highOpen ? value < high : value <= high);
        }
    }
}

internal delegate ReadOnlySpan<byte> TextField(in EventView view);

internal delegate double NumberField(in EventView view, int row);

internal enum TextTest
{
    Equal,
    StartsWith,
    Contains,
}
