using System.Buffers;
using System.Globalization;
using Monitoring.Detection;
using Monitoring.Statistics;

namespace Monitoring.Extraction;

/// <summary>
/// Cohorts of clients that send the same queries: whoever shares the work of a theft between accounts lets them overlap, or asks again under another name. Two clients that share <see cref="LeastShared"/> distinct inputs are
/// linked, and cohorts that share a member are one.
/// </summary>
/// <remarks>
/// What many send links nobody: inputs that several of the profile's clients sent, and inputs that more than <see cref="MostSenders"/> clients sent since. Cohorts that came of such an input before it
/// was known for one are dissolved, and so is a cohort that grows beyond <see cref="MostMembers"/>. Memory is bounded: the newest <see cref="Remembered"/> distinct inputs, 16 ties of each client that has any. All of it is a function of the queries in their order.
/// </remarks>
internal sealed class SharedQueries
{
    public const int LeastShared = 3;
    public const int MostSenders = 32;
    public const int MostMembers = 64;
    public const int Remembered = 32_768;
    public const int MostTied = 20_000;
    public const int MostCohorts = 1_000;

    /// <summary>What cohorts are called, before their number.</summary>
    public const string Cohort = "cohort of shared queries";

    /// <summary>Before all keys of its state.</summary>
    public const string Prefix = "s/";

    private const byte Version = 1;
    private const string HeaderKey = "s/";
    private const int TiesPerClient = 16;
    private const int SlotsPerPage = 512;
    private const int ClientPages = 256;
    private const int CohortPages = 16;

    private readonly HashSet<ulong> _frequent;

    /// <summary>Remembered inputs in a ring, and where each is.</summary>
    private ulong[] _inputs = new ulong[SlotsPerPage];
    private ulong[] _senders = new ulong[SlotsPerPage];
    private readonly Dictionary<int, List<ulong>> _further = [];
    private readonly Dictionary<ulong, int> _places = [];

    /// <summary>Tied clients by the page that they are saved in: a checkpoint reads the pages that changed and no others. Most models need none.</summary>
    private readonly SortedDictionary<ulong, Ties>?[] _clients = new SortedDictionary<ulong, Ties>?[ClientPages];
    private int _tied;
    private readonly SortedDictionary<int, SortedSet<ulong>> _cohorts = [];
    private readonly SortedSet<string> _dirty = new(StringComparer.Ordinal);
    private long _sequence;
    private int _nextCohort;

    /// <param name="frequent">Keyed hashes of inputs that several of the profile's clients sent.</param>
    public SharedQueries(IEnumerable<ulong> frequent) => _frequent = [.. frequent];

    /// <summary>Cohorts now.</summary>
    public int Cohorts => _cohorts.Count;

    /// <summary>Cohorts that were dissolved because an input of theirs was everybody's.</summary>
    public long Dissolved { get; private set; }

    /// <summary>Keyed hashes of inputs that several clients of the reference sent, or null where so many are shared that sharing says nothing: more than one in a hundred.</summary>
    public static IReadOnlyList<ulong>? Frequent(RowBatch reference, Func<int, ulong> hash)
    {
        var senders = new Dictionary<ulong, string>();
        var shared = new SortedSet<ulong>();
        for (var row = 0; row < reference.Count; row++)
        {
            var (client, input) = (reference.Rows[row].Client, hash(row));
            if (client.Length > 0 && !senders.TryAdd(input, client) && !string.Equals(senders[input], client, StringComparison.Ordinal))
            {
                shared.Add(input);
            }
        }

        return shared.Count > senders.Count / 100 ? null : [.. shared];
    }

    /// <summary>Writes what <see cref="Frequent"/> found, as part of a monitor's parameters.</summary>
    public static void WriteFrequent(CanonicalWriter writer, IReadOnlyList<ulong>? frequent)
    {
        writer.WriteByte(frequent is null ? (byte)0 : (byte)1);
        writer.WriteCount(frequent?.Count ?? 0);
        foreach (var hash in frequent ?? [])
        {
            writer.WriteUInt64(hash);
        }
    }

    /// <summary>Reads what <see cref="WriteFrequent"/> wrote.</summary>
    public static IReadOnlyList<ulong>? ReadFrequent(ref CanonicalReader reader)
    {
        var any = reader.ReadByte() == 1;
        var frequent = new ulong[reader.ReadLength(8)];
        for (var i = 0; i < frequent.Length; i++)
        {
            frequent[i] = reader.ReadUInt64();
        }

        return any ? frequent : null;
    }

    /// <summary>What a fit says where clients share too much.</summary>
    public const string TooMuchShared = "more than one in a hundred of the reference's inputs come from several clients: accounts are not linked by what they send";

    /// <summary>Takes a query; returns the number of the cohort that its client is in then, or null.</summary>
    /// <param name="input">Keyed hash of the input.</param>
    /// <param name="client">Who sent it; not empty.</param>
    public int? Take(ulong input, string client)
    {
        var who = StableHash.Of(client);
        if (!_frequent.Contains(input))
        {
            if (_places.TryGetValue(input, out var place))
            {
                Share(place, who);
            }
            else
            {
                Remember(input, who);
            }
        }

        return Find(who) is { Cohort: >= 0 } ties ? ties.Cohort : null;
    }

    public void TakeDirtyKeys(ICollection<string> keys)
    {
        if (_dirty.Count == 0)
        {
            return;
        }

        keys.Add(HeaderKey);
        foreach (var key in _dirty)
        {
            keys.Add(key);
        }

        _dirty.Clear();
    }

    public bool Save(string key, IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        if (key.Length == HeaderKey.Length)
        {
            writer.WriteByte(Version);
            writer.WriteCount(_sequence);
            writer.WriteCount(_nextCohort);
            writer.WriteCount(Dissolved);
            return true;
        }

        var page = int.Parse(key.AsSpan(HeaderKey.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture);
        switch (key[HeaderKey.Length])
        {
            case 'q':
                for (var slot = page * SlotsPerPage; slot < (page + 1) * SlotsPerPage && slot < _sequence; slot++)
                {
                    writer.WriteUInt64(_inputs[slot]);
                    var further = _further.GetValueOrDefault(slot);
                    writer.WriteCount(1 + (further?.Count ?? 0));
                    writer.WriteUInt64(_senders[slot]);
                    foreach (var sender in further ?? [])
                    {
                        writer.WriteUInt64(sender);
                    }
                }

                return true;
            case 'c':
                if (_clients[page] is not { Count: > 0 } clients)
                {
                    return false;
                }

                writer.WriteCount(clients.Count);
                foreach (var (who, ties) in clients)
                {
                    writer.WriteUInt64(who);
                    ties.Write(writer);
                }

                return true;
            default:
                var cohorts = _cohorts.Where(c => c.Key % CohortPages == page).ToList();
                writer.WriteCount(cohorts.Count);
                foreach (var (id, members) in cohorts)
                {
                    writer.WriteCount(id);
                    writer.WriteCount(members.Count);
                    foreach (var member in members)
                    {
                        writer.WriteUInt64(member);
                    }
                }

                return cohorts.Count > 0;
        }
    }

    /// <summary>Takes back what <see cref="Save"/> wrote.</summary>
    public void Restore(string key, ReadOnlySpan<byte> value)
    {
        var reader = new CanonicalReader(value);
        if (key.Length == HeaderKey.Length)
        {
            StateVersion.Expect(ref reader, Version, "shared queries");
            _sequence = reader.ReadCount();
            _nextCohort = checked((int)reader.ReadCount());
            Dissolved = reader.ReadCount();
            reader.ExpectEnd();
            return;
        }

        if (!int.TryParse(key.AsSpan(HeaderKey.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var page) || key[HeaderKey.Length] is not ('q' or 'c' or 'g'))
        {
            throw new InvalidDataException($"unknown key '{key}' of shared queries");
        }

        switch (key[HeaderKey.Length])
        {
            case 'q':
                if (page >= Remembered / SlotsPerPage)
                {
                    throw new InvalidDataException($"page {page} of shared queries does not exist");
                }

                MakeRoom(((page + 1) * SlotsPerPage) - 1);
                for (var slot = page * SlotsPerPage; slot < (page + 1) * SlotsPerPage && reader.Remaining > 0; slot++)
                {
                    _inputs[slot] = reader.ReadUInt64();
                    _places[_inputs[slot]] = slot;
                    var senders = reader.ReadLength(8);
                    _senders[slot] = reader.ReadUInt64();
                    for (var i = 1; i < senders; i++)
                    {
                        Further(slot).Add(reader.ReadUInt64());
                    }
                }

                break;
            case 'c':
                for (var left = reader.ReadLength(8); left > 0; left--)
                {
                    var who = reader.ReadUInt64();
                    if ((int)(who % ClientPages) != page)
                    {
                        throw new InvalidDataException($"client {who:x} of shared queries is not one of page {page}");
                    }

                    Add(who, Ties.Read(ref reader));
                }

                break;
            default:
                for (var left = reader.ReadLength(2); left > 0; left--)
                {
                    var members = _cohorts[checked((int)reader.ReadCount())] = [];
                    for (var member = reader.ReadLength(8); member > 0; member--)
                    {
                        members.Add(reader.ReadUInt64());
                    }
                }

                break;
        }

        reader.ExpectEnd();
    }

    private void Remember(ulong input, ulong who)
    {
        var place = (int)(_sequence++ % Remembered);
        if (_sequence > Remembered)
        {
            _places.Remove(_inputs[place]);
            _further.Remove(place);
        }

        MakeRoom(place);
        (_inputs[place], _senders[place]) = (input, who);
        _places.Add(input, place);
        MarkInput(place);
    }

    /// <summary>Another client sent a remembered input.</summary>
    private void Share(int place, ulong who)
    {
        var further = _further.GetValueOrDefault(place);
        if (_senders[place] == who || further?.Contains(who) == true || further?.Count >= MostSenders)
        {
            return;
        }

        // The one sender too many is kept: it marks the input as one that links nobody.
        Further(place).Add(who);
        MarkInput(place);
        if (_further[place].Count >= MostSenders)
        {
            Revoke(place);
            return;
        }

        Tie(who, _senders[place]);
        foreach (var other in _further[place][..^1])
        {
            Tie(who, other);
        }
    }

    /// <summary>An input turns out to be everybody's: cohorts of its senders may have come of it, and whoever is one will be tied again by what is not.</summary>
    private void Revoke(int place)
    {
        var cohorts = _further[place].Append(_senders[place]).Select(s => Find(s)?.Cohort ?? -1).Where(c => c >= 0).GroupBy(c => c).Where(g => g.Count() > 1).Select(g => g.Key).Order().ToList();
        foreach (var cohort in cohorts)
        {
            Dissolved++;
            Dissolve(cohort);
        }
    }

    private void Tie(ulong one, ulong other)
    {
        var shared = Math.Max(TiesOf(one).Share(other), TiesOf(other).Share(one));
        MarkClient(one);
        MarkClient(other);
        if (shared >= LeastShared)
        {
            Join(one, other);
        }
    }

    private Ties TiesOf(ulong who)
    {
        var ties = Find(who);
        if (ties is null)
        {
            if (_tied >= MostTied)
            {
                ForgetTied();
            }

            Add(who, ties = new Ties());
        }

        ties.Touched = _sequence;
        return ties;
    }

    private Ties? Find(ulong who) => _clients[who % ClientPages]?.GetValueOrDefault(who);

    private void Add(ulong who, Ties ties)
    {
        (_clients[who % ClientPages] ??= []).Add(who, ties);
        _tied++;
    }

    private bool Remove(ulong who)
    {
        if (_clients[who % ClientPages]?.Remove(who) != true)
        {
            return false;
        }

        _tied--;
        return true;
    }

    /// <summary>Makes room: the tenth of the clients whose last tie is oldest, those in no cohort first.</summary>
    private void ForgetTied()
    {
        foreach (var (who, ties) in _clients.SelectMany(p => p ?? []).OrderBy(c => c.Value.Cohort >= 0).ThenBy(c => c.Value.Touched).ThenBy(c => c.Key).Take(MostTied / 10).ToList())
        {
            if (ties.Cohort is >= 0 and var cohort)
            {
                _cohorts[cohort].Remove(who);
                MarkCohort(cohort);
                if (_cohorts[cohort].Count == 0)
                {
                    _cohorts.Remove(cohort);
                }
            }

            Remove(who);
            MarkClient(who);
        }
    }

    private void Join(ulong one, ulong other)
    {
        var (a, b) = (Find(one)!.Cohort, Find(other)!.Cohort);
        if (a >= 0 && a == b)
        {
            return;
        }

        int into;
        if (a < 0 && b < 0)
        {
            if (_cohorts.Count >= MostCohorts)
            {
                Dissolve(_cohorts.Keys.First());
            }

            into = _nextCohort++;
            _cohorts.Add(into, []);
        }
        else
        {
            // The older one goes on.
            into = a < 0 ? b : b < 0 ? a : Math.Min(a, b);
        }

        foreach (var from in new[] { a, b }.Where(c => c >= 0 && c != into))
        {
            foreach (var member in _cohorts[from])
            {
                Enter(member, into);
            }

            _cohorts.Remove(from);
            MarkCohort(from);
        }

        Enter(one, into);
        Enter(other, into);
        if (_cohorts[into].Count > MostMembers)
        {
            Dissolved++;
            Dissolve(into);
        }
    }

    private void Enter(ulong who, int cohort)
    {
        if (Find(who) is { } ties)
        {
            ties.Cohort = cohort;
            MarkClient(who);
        }

        _cohorts[cohort].Add(who);
        MarkCohort(cohort);
    }

    /// <summary>Its members are free again, and what tied them counts no longer.</summary>
    private void Dissolve(int cohort)
    {
        foreach (var member in _cohorts[cohort])
        {
            if (Remove(member))
            {
                MarkClient(member);
            }
        }

        _cohorts.Remove(cohort);
        MarkCohort(cohort);
    }

    /// <summary>Of a thousand models most are asked little.</summary>
    private void MakeRoom(int place)
    {
        if (place >= _inputs.Length)
        {
            var length = Math.Min(Remembered, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)place + 1));
            Array.Resize(ref _inputs, length);
            Array.Resize(ref _senders, length);
        }
    }

    private List<ulong> Further(int place)
    {
        if (!_further.TryGetValue(place, out var further))
        {
            _further.Add(place, further = []);
        }

        return further;
    }

    private void MarkInput(int place) => Mark('q', place / SlotsPerPage);

    private void MarkClient(ulong who) => Mark('c', (int)(who % ClientPages));

    private void MarkCohort(int cohort) => Mark('g', cohort % CohortPages);

    private void Mark(char what, int page) => _dirty.Add(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{what}{page}"));

    /// <summary>With whom one client shares queries.</summary>
    private sealed class Ties
    {
        private readonly List<(ulong Other, int Shared)> _others = [];

        public int Cohort { get; set; } = -1;

        public long Touched { get; set; }

        /// <summary>Counts one more; the newest sixteen others are kept, those with the most in common longest. Returns how many are shared.</summary>
        public int Share(ulong other)
        {
            var at = _others.FindIndex(o => o.Other == other);
            if (at >= 0)
            {
                _others[at] = (other, Math.Min(_others[at].Shared + 1, LeastShared));
                return _others[at].Shared;
            }

            if (_others.Count == TiesPerClient)
            {
                var least = _others.Min(o => o.Shared);
                _others.RemoveAt(_others.FindIndex(o => o.Shared == least));
            }

            _others.Add((other, 1));
            return 1;
        }

        public void Write(CanonicalWriter writer)
        {
            writer.WriteSigned(Cohort);
            writer.WriteCount(Touched);
            writer.WriteCount(_others.Count);
            foreach (var (other, shared) in _others)
            {
                writer.WriteUInt64(other);
                writer.WriteCount(shared);
            }
        }

        public static Ties Read(ref CanonicalReader reader)
        {
            var ties = new Ties { Cohort = checked((int)reader.ReadSigned()), Touched = reader.ReadCount() };
            for (var left = reader.ReadLength(9); left > 0; left--)
            {
                ties._others.Add((reader.ReadUInt64(), checked((int)reader.ReadCount())));
            }

            return ties;
        }
    }
}
