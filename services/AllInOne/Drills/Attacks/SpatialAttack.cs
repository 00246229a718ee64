namespace Monitoring.AllInOne.Drills;

/// <summary>Spatial attack (Engstrom, Tran, Tsipras, Schmidt and Madry, ICML 2019): rotations and shifts of the victim at random, until the model takes one for something else. Square grey images.</summary>
/// <param name="degrees">Greatest angle.</param>
/// <param name="pixels">Greatest shift.</param>
internal sealed class SpatialAttack(double degrees = 30, double pixels = 3) : IEvasionAttack
{
    public string Name => "spatial";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var side = (int)Math.Round(Math.Sqrt(session.Width));
        while (true)
        {
            var moved = CleanClients.Transform(victim, side, Draw(degrees), Draw(pixels), Draw(pixels));
            if (await session.LabelAsync(moved).ConfigureAwait(false) != label)
            {
                session.Reached(1);
                return moved;
            }
        }

        double Draw(double most) => most * ((2 * session.Random.NextDouble()) - 1);
    }
}
