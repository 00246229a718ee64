namespace Monitoring.AllInOne.Drills;

/// <summary>
/// Clean clients of several habits beside an attack: one by one, bursts, retries, ten inputs again and again, augmented copies of one input, batch jobs over everything, crawlers,
/// those who re-send what they sent, and those who send one class only. Where inputs are square images the bursts and batches are turned and moved a little, as another scanner would.
/// </summary>
internal sealed class CleanClients
{
    private static readonly string[] s_habits = ["steady", "burst", "retry", "duplicate", "augment", "batch", "crawl", "resend", "one-class"];

    /// <summary>A letter of another hand: some seven tenths of a pixel of 28, the way P. Simard et al. bend digits (ICDAR 2003).</summary>
    private const double Bend = 0.7;

    /// <summary>Knots of the field that bends, along a side.</summary>
    private const int Knots = 4;

    private readonly IReadOnlyList<float[]> _inputs;
    private readonly Random _random;
    private readonly int _side;
    private readonly bool _renew;
    private readonly double _bend;
    private readonly Client[] _clients;

    /// <param name="inputs">Clean inputs in [0, 1].</param>
    /// <param name="seed">Dice.</param>
    /// <param name="clientsPerHabit">Clients of each habit.</param>
    /// <param name="side">Side of square grey images; 0 where inputs are none.</param>
    /// <param name="labels">Class of every input; without it nobody sends one class only.</param>
    /// <param name="renew">Square images are turned, moved and bent a little whenever a client takes one up, as another hand would have drawn them, so that the same few do not come back as nobody's inputs do.</param>
    /// <param name="bend">How far they are bent, in pixels (standard deviation).</param>
    /// <param name="only">The one habit that all clients have; null for all habits.</param>
    public CleanClients(IReadOnlyList<float[]> inputs, int seed, int clientsPerHabit = 1, int side = 0, IReadOnlyList<int>? labels = null, bool renew = false, double bend = Bend, string? only = null)
    {
        _renew = renew;
        _bend = renew ? bend : 0;
        _inputs = inputs;
        _random = new Random(seed);
        _side = side;
        var classes = labels?.Select((label, i) => (label, i)).GroupBy(l => l.label, l => l.i).OrderBy(g => g.Key).Select(g => g.ToArray()).ToArray() ?? [];
        var habits = only is not null ? [only] : classes.Length > 0 ? s_habits : s_habits[..^1];
        _clients = [.. Enumerable.Range(0, clientsPerHabit * habits.Length).Select(c => new Client(
            $"clean-{habits[c % habits.Length]}-{c / habits.Length}",
            habits[c % habits.Length],
            classes.Length > 0 ? classes[(c / habits.Length) % classes.Length] : [],
            _random.Next(inputs.Count)))];
    }

    public int Count => _clients.Length;

    /// <summary>The habits that take part.</summary>
    public IEnumerable<string> Habits => _clients.Select(c => c.Habit).Distinct(StringComparer.Ordinal);

    /// <summary>The next few queries of one client.</summary>
    public (string Client, IReadOnlyList<float[]> Queries) Next()
    {
        var client = _clients[_random.Next(_clients.Length)];
        var one = New(_random.Next(_inputs.Count));
        return (client.Name, client.Habit switch
        {
            "burst" => [.. Enumerable.Range(0, 6).Select(_ => Move(_inputs[_random.Next(_inputs.Count)]))],
            "retry" => [one, one, one],
            "duplicate" => [_inputs[(client.Cursor + _random.Next(10)) % _inputs.Count]],
            "augment" => [one, Vary(one, _random), Vary(one, _random)],
            "batch" => [.. Enumerable.Range(0, 8).Select(_ => Move(_inputs[client.Cursor++ % _inputs.Count]))],
            "crawl" => [.. Enumerable.Range(0, 4).Select(_ => New((client.Cursor += 7) % _inputs.Count))],
            "resend" => Resend(client, one),
            "one-class" => [New(client.OfClass[_random.Next(client.OfClass.Length)])],
            _ => [one],
        });
    }

    /// <summary>An augmented copy: a little noise and brightness.</summary>
    public static float[] Vary(float[] input, Random random)
    {
        var brightness = 1 + ((random.NextDouble() - 0.5) * 0.1);
        return Array.ConvertAll(input, v => (float)Math.Clamp((v * brightness) + ((random.NextDouble() - 0.5) * 0.04), 0, 1));
    }

    /// <summary>A square grey image turned by up to ten degrees and moved by up to one and a half pixels, bilinear.</summary>
    /// <param name="image">The image.</param>
    /// <param name="side">Its side.</param>
    /// <param name="random">Dice.</param>
    /// <param name="share">Of the angle and the way.</param>
    /// <param name="bend">Standard deviation, in pixels, of a smooth field of displacements on top; 0 for none.</param>
    public static float[] Deform(float[] image, int side, Random random, double share = 1, double bend = 0)
    {
        // Displacements at knots, x and y by turns, in between linear.
        Span<double> field = stackalloc double[bend > 0 ? 2 * Knots * Knots : 0];
        for (var i = 0; i < field.Length; i++)
        {
            field[i] = bend * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        }

        var angle = (random.NextDouble() - 0.5) * 20 * share;
        return Transform(image, side, angle, (random.NextDouble() - 0.5) * 3 * share, (random.NextDouble() - 0.5) * 3 * share, field);
    }

    /// <summary>A square grey image turned and moved, bilinear.</summary>
    /// <param name="image">The image.</param>
    /// <param name="side">Its side.</param>
    /// <param name="degrees">Angle.</param>
    /// <param name="dx">Way across, in pixels.</param>
    /// <param name="dy">Way down, in pixels.</param>
    /// <param name="field">Displacements at the knots of a smooth field, across and down by turns; empty for none.</param>
    public static float[] Transform(float[] image, int side, double degrees, double dx, double dy, ReadOnlySpan<double> field = default)
    {
        var angle = degrees * Math.PI / 180;
        var (cos, sin) = (Math.Cos(angle), Math.Sin(angle));
        var middle = (side - 1) / 2.0;
        var result = new float[image.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var (x, y) = ((i % side) - middle, (i / side) - middle);
            var (u, v) = ((cos * x) - (sin * y) + middle + dx, (sin * x) + (cos * y) + middle + dy);
            if (field.Length > 0)
            {
                var (column, row) = ((i % side) * (Knots - 1.0) / (side - 1), (i / side) * (Knots - 1.0) / (side - 1));
                var (c, r) = (Math.Min((int)column, Knots - 2), Math.Min((int)row, Knots - 2));
                var (right, down) = (column - c, row - r);
                var knot = 2 * ((r * Knots) + c);
                for (var axis = 0; axis < 2; axis++)
                {
                    var way = (((field[knot + axis] * (1 - right)) + (field[knot + 2 + axis] * right)) * (1 - down)) +
                        (((field[knot + (2 * Knots) + axis] * (1 - right)) + (field[knot + (2 * Knots) + 2 + axis] * right)) * down);
                    (u, v) = axis == 0 ? (u + way, v) : (u, v + way);
                }
            }

            var (left, top) = ((int)Math.Floor(u), (int)Math.Floor(v));
            var (fx, fy) = (u - left, v - top);
            result[i] = (float)((At(left, top) * (1 - fx) * (1 - fy)) + (At(left + 1, top) * fx * (1 - fy)) + (At(left, top + 1) * (1 - fx) * fy) + (At(left + 1, top + 1) * fx * fy));
        }

        return result;

        float At(int x, int y) => x >= 0 && x < side && y >= 0 && y < side ? image[(y * side) + x] : 0;
    }

    private float[] New(int input) => _renew ? Deform(_inputs[input], _side, _random, 0.5, _bend) : _inputs[input];

    private float[] Move(float[] input) => _side > 0 && _side * _side == input.Length ? Deform(input, _side, _random, 1, _bend) : input;

    /// <summary>The same input several times over, and now and then one of long ago.</summary>
    private List<float[]> Resend(Client client, float[] one)
    {
        var queries = new List<float[]> { one };
        while (_random.NextDouble() < 0.5)
        {
            queries.Add(client.Sent.Count > 0 && _random.NextDouble() < 0.3 ? client.Sent[_random.Next(client.Sent.Count)] : one);
        }

        if (client.Sent.Count < 200)
        {
            client.Sent.Add(one);
        }

        return queries;
    }

    private sealed class Client(string name, string habit, int[] ofClass, int cursor)
    {
        public string Name => name;

        public string Habit => habit;

        public int[] OfClass => ofClass;

        public int Cursor { get; set; } = cursor;

        public List<float[]> Sent { get; } = [];
    }
}
