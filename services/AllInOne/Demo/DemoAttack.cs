using System.Globalization;
using Monitoring.AllInOne.Drills;

namespace Monitoring.AllInOne.Demo;

/// <summary>
/// One client that looks for digits which deceive the model, by asking it (SimBA on low frequencies): one victim after the other until it is stopped or its
/// queries are spent. It knows what every client knows, the answers.
/// </summary>
internal sealed class DemoAttack(Uri server, DemoAssets assets, DemoClients clients, TimeProvider time, int seed) : IDisposable
{
    public const string Model = "digits";
    public const string Client = "mallory";

    /// <summary>Kind of the monitor that watches for it.</summary>
    public const string Monitor = "query-similarity";

    /// <summary>Queries that a searcher for one deceiving input needs at least, several times over: before them there is nothing to find.</summary>
    public const int Enough = 150;
    private const int Budget = 300;
    private const double QueriesPerSecond = 30;
    private const string RequestPrefix = "demo-attack";
    private readonly SimbaAttack _attack = new(cosines: true);
    private readonly DrillTarget _target = new(server, Model, "X-Client", apiKey: null);

    public string Name => _attack.Name;

    public int Queries { get; private set; }

    public int? FirstSuccess { get; private set; }

    /// <summary>Whether a call with this request id is the attacker's.</summary>
    public static bool IsOwn(string requestId) => requestId.StartsWith(RequestPrefix, StringComparison.Ordinal);

    /// <summary>Attacks until cancelled or all queries are spent; a query in flight is finished.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var random = new Random(unchecked((seed * 31) + 17));
        await _target.ConnectAsync(assets.Digit(random), RequestPrefix, CancellationToken.None).ConfigureAwait(false);
        Answered();
        var start = time.GetTimestamp();
        try
        {
            for (var victim = 0; !cancellationToken.IsCancellationRequested; victim++)
            {
                var session = new AttackSession((input, rows) => AskAsync(input, rows, start, cancellationToken), _target.Width, _target.Classes, Budget - Queries, unchecked(seed + victim));
                var image = assets.Digit(random);
                await _attack.RunAsync(session, image, await session.LabelAsync(image).ConfigureAwait(false), []).ConfigureAwait(false);
                FirstSuccess ??= session.SucceededAt is null ? null : Queries;
            }
        }
        catch (Exception e) when (e is QueryBudgetSpentException or OperationCanceledException)
        {
            // It ends where its queries or the demo's time end.
        }
    }

    public void Dispose() => _target.Dispose();

    private async ValueTask<float[]> AskAsync(float[] inputs, int rows, long start, CancellationToken cancellationToken)
    {
        var wait = TimeSpan.FromSeconds(Queries / QueriesPerSecond) - time.GetElapsedTime(start);
        if (wait > TimeSpan.Zero)
        {
            await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
        var answer = await _target.AskAsync(inputs, rows, Client, string.Create(CultureInfo.InvariantCulture, $"{RequestPrefix}-{seed}"), CancellationToken.None, Queries + 1).ConfigureAwait(false);
        Answered();
        return answer;
    }

    private void Answered()
    {
        Queries++;
        clients.Count(Model, served: true);
    }
}
