using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>What a monitor keeps of one client.</summary>
/// <typeparam name="TSelf">The type itself.</typeparam>
public interface IClientState<TSelf>
{
    void Write(CanonicalWriter writer);

    /// <exception cref="InvalidDataException">The bytes are not a state of this type.</exception>
    static abstract TSelf Read(ref CanonicalReader reader);
}
