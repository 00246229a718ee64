using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Monitoring.Contracts;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary><c>self-similarity</c>: see README.md beside this file.</summary>
internal sealed class SelfSimilarityKind : MonitorKind<SelfSimilarityOptions>
{
    private const int LeastRows = 200;
    private const int LeastClients = 6;
    private const int LeastQueries = 20;

    /// <summary>Clean inputs to look for neighbours among; of as many a client's own history is made.</summary>
    private const int Neighbours = 256;

    /// <summary>Share of clean inputs that lie as close to one of <see cref="Neighbours"/> others by chance.</summary>
    private const double ByChance = 0.02;

    /// <summary>Fewest clean inputs of a class, to look among and to look for, by which its distances are known.</summary>
    private const int LeastOfClass = 50;

    private const double DefaultConcentration = 20;

    public override string Name => "self-similarity";

    public override string Description => "A client's queries lie around its own earlier queries: synthetic inputs made step by step from a few seeds, as in copying a model along its own gradient.";

    public override Family Family => Family.Extraction;

    public override Severity DefaultSeverity => Severity.Harm;

    public override string AtlasTechnique => "AML.T0024.002";

    public override MonitorScope Scope => MonitorScope.Client;

    protected override ValueTask<FittedParameters> FitAsync(FitContext context, SelfSimilarityOptions options, CancellationToken cancellationToken)
    {
        var all = context.Reference.All;
        if (all.Count < LeastRows)
        {
            throw new FitException($"self-similarity needs at least {LeastRows} clean inputs to know how close they come by chance; the reference has {all.Count}");
        }

        var scales = ColumnScales.Of(all);
        var projection = new Projection(scales, context.Seed);
        var projected = new float[all.Count * Projection.Width];
        for (var row = 0; row < all.Count; row++)
        {
            projection.Of(all.Input(row), projected.AsSpan(row * Projection.Width, Projection.Width));
        }

        var copy = NearCopy.Distance(context.Model, scales);

        // How close clean inputs come to others by chance, near copies left out: to others of the same class, for honest clients send one class only.
        var classes = Enumerable.Range(0, all.Count).Select(all.PredictedClass).ToArray();
        var near = new double[classes.Max() + 2];
        near[^1] = Near(null);
        for (var c = 0; c < near.Length - 1; c++)
        {
            near[c] = Near(c);
        }

        if (!near.Any(n => n > 0))
        {
            throw new FitException(string.Create(CultureInfo.InvariantCulture, $"clean inputs lie as close together as near copies do ({copy:G3}): queries made from queries cannot be told from the crowd here"));
        }

        // How often honest clients' queries lie around their own.
        var parameters = new SelfSimilarityParameters(scales, near, copy, 0, 0, options.Cohorts ? SharedQueries.Frequent(all, row => StableHash.Of(MemoryMarshal.AsBytes(all.Input(row)), context.Seed)) : null);
        if (options.Cohorts && parameters.Frequent is null)
        {
            context.Warn(SharedQueries.TooMuchShared);
        }

        var clients = new SortedDictionary<string, QueryHistory>(StringComparer.Ordinal);
        for (var row = 0; row < all.Count; row++)
        {
            var name = all.Rows[row].Client;
            if (name.Length == 0)
            {
                continue;
            }

            if (!clients.TryGetValue(name, out var history))
            {
                clients.Add(name, history = new QueryHistory());
            }

            if (!history.Recent.Admit(StableHash.Of(MemoryMarshal.AsBytes(all.Input(row)), context.Seed)))
            {
                continue;
            }

            var distance = history.Nearest(At(row));
            history.Remember(At(row), options.History);
            if (!float.IsInfinity(distance) && distance > copy)
            {
                history.Count(distance <= parameters.NearOf(classes[row]));
            }
        }

        var counted = clients.Values.Where(c => c.Draws >= LeastQueries).ToArray();
        double share, concentration;
        if (counted.Length >= LeastClients)
        {
            var (a, b) = BetaBinomialEvidence.Fit([.. counted.Select(c => c.Near)], [.. counted.Select(c => c.Draws)]);
            (share, concentration) = (Math.Max(options.HonestShare, a / (a + b)), Math.Clamp(a + b, 2, DefaultConcentration));
        }
        else
        {
            context.Warn($"the reference names {counted.Length} clients with {LeastQueries} queries or more, {LeastClients} are needed to see how honest clients differ: those whose queries follow from one another may alarm");
            (share, concentration) = (options.HonestShare, DefaultConcentration);
        }

        if (share > 0.5)
        {
            throw new FitException(string.Create(CultureInfo.InvariantCulture, $"honest clients' queries lie around their own {share:P0} of the time: queries made from queries cannot be told from theirs"));
        }

        return ValueTask.FromResult(new FittedParameters((parameters with { Share = share, Concentration = concentration }).ToBytes()));

        // 0 where they lie as close as near copies do; as for all where too few of the class are known.
        double Near(int? ofClass)
        {
            var fit = context.Reference.FitRows.Where(Taken).Take(Neighbours).ToArray();
            var nearest = context.Reference.CalibrationRows.Where(Taken)
                .Select(row => fit.Select(f => (double)TensorPrimitives.Distance(At(row), At(f))).Where(d => d > copy).DefaultIfEmpty(double.PositiveInfinity).Min()).Order().ToArray();
            if (ofClass is not null && (fit.Length < LeastOfClass || nearest.Length < LeastOfClass))
            {
                return near[^1];
            }

            var distance = nearest[(int)(ByChance * nearest.Length)];
            return distance > 1.5 * copy && double.IsFinite(distance) ? distance : 0;

            bool Taken(int row) => ofClass is null || classes[row] == ofClass;
        }

        ReadOnlySpan<float> At(int row) => projected.AsSpan(row * Projection.Width, Projection.Width);
    }

    protected override IMonitor Create(MonitorContext context, SelfSimilarityOptions options) =>
        new SelfSimilarityMonitor(options, SelfSimilarityParameters.FromBytes(context.Parameters.Span), context.Seed);
}
