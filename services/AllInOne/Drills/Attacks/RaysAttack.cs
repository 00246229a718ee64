namespace Monitoring.AllInOne.Drills;

/// <summary>RayS (Chen and Gu, KDD 2020), L∞, labels only: a search over directions of signs, block by block, each block half as large as the round before, with the shortest adversarial way along every direction found by bisection.</summary>
/// <param name="goal">L∞ radius that counts as success.</param>
internal sealed class RaysAttack(double goal = 0.3) : IEvasionAttack
{
    private const double Tolerance = 1e-3;

    public string Name => "rays";

    public async ValueTask<float[]?> RunAsync(AttackSession session, float[] victim, int label, IReadOnlyList<float[]> others)
    {
        var direction = new float[session.Width];
        Array.Fill(direction, 1);
        var radius = double.PositiveInfinity;
        for (var level = 0; ; level++)
        {
            var size = Math.Max(1, session.Width >> level);
            for (var start = 0; start < session.Width; start += size)
            {
                var tried = (float[])direction.Clone();
                for (var i = start; i < Math.Min(session.Width, start + size); i++)
                {
                    tried[i] = -tried[i];
                }

                // A direction that is not adversarial at the best radius cannot be shorter.
                var far = Math.Min(1, radius);
                if (await session.LabelAsync(Vectors.AddClipped(victim, tried, far)).ConfigureAwait(false) == label)
                {
                    continue;
                }

                var near = 0.0;
                while (far - near > Tolerance)
                {
                    var middle = (near + far) / 2;
                    if (await session.LabelAsync(Vectors.AddClipped(victim, tried, middle)).ConfigureAwait(false) == label)
                    {
                        near = middle;
                    }
                    else
                    {
                        far = middle;
                    }
                }

                if (far < radius)
                {
                    (radius, direction) = (far, tried);
                }

                if (radius <= goal)
                {
                    session.Reached(1);
                    return Vectors.AddClipped(victim, direction, radius);
                }
            }
        }
    }
}
