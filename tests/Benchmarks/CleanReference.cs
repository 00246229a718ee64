using System.Globalization;
using Monitoring.AllInOne.Drills;
using Monitoring.Detection;

namespace Monitoring.Benchmarks;

/// <summary>
/// A reference as a log would give it: traffic of clean clients of all habits, by name. The clients' digits are few and come back, so every digit is on one side only: those of the first half are
/// fitted on, those of the second calibrate.
/// </summary>
internal static class CleanReference
{
    /// <param name="inputs">Clean digits.</param>
    /// <param name="labels">Class of each.</param>
    /// <param name="queries">Queries wanted, at least.</param>
    /// <param name="clientsPerHabit">Clients of each habit.</param>
    /// <param name="seed">Dice.</param>
    public static (List<float[]> Inputs, List<string> Clients, List<string> Events) Draw(float[][] inputs, int[] labels, int queries, int clientsPerHabit, int seed)
    {
        var half = inputs.Length / 2;
        CleanClients[] sides =
        [
            new(inputs[..half], seed, clientsPerHabit, 28, labels[..half], renew: true),
            new(inputs[half..], seed + 1, clientsPerHabit, 28, labels[half..], renew: true),
        ];
        var random = new Random(seed + 2);
        var (rows, clients, events) = (new List<float[]>(), new List<string>(), new List<string>());
        for (var call = 0; rows.Count < queries; call++)
        {
            var calibrates = random.Next(2);
            var (client, asked) = sides[calibrates].Next();
            foreach (var input in asked)
            {
                rows.Add(input);
                clients.Add(client);
                events.Add(Id(rows.Count, calibrates == 0));
            }
        }

        return (rows, clients, events);
    }

    /// <summary>The rows as a batch, with their events' names.</summary>
    public static RowBatch Batch(ModelDescription model, IReadOnlyList<float[]> inputs, float[][] outputs, IReadOnlyList<string> clients, IReadOnlyList<string> events)
    {
        float[] flat = [.. inputs.SelectMany(i => i)];
        var plain = ReferenceData.FromMatrix(model, flat, inputs.Count, outputs, clients);
        return new RowBatch(model, flat, outputs, [.. Enumerable.Range(0, inputs.Count).Select(r => plain.Rows[r] with { EventId = events[r], EventHash = StableHash.Of(events[r], 0) })], []);
    }

    /// <summary>An event id that <see cref="ReferenceData.Split"/> puts on the wanted side.</summary>
    private static string Id(int number, bool fit)
    {
        for (var attempt = 0; ; attempt++)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"clean-{number}-{attempt}");
            if (StableHash.ToUnit(StableHash.Of(id, 0)) < 0.5 == fit)
            {
                return id;
            }
        }
    }
}
