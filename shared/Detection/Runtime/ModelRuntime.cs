using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Monitoring.Contracts;
using Monitoring.Statistics;

namespace Monitoring.Detection;

/// <summary>
/// One model version in one partition: reads its events as rows, decides which are independent draws, learns its profile where it has
/// none, and hands rows to its monitors.
/// </summary>
internal sealed class ModelRuntime
{
    /// <summary>Rows handed over at once: the arrays of a batch of plain rows stay below what the runtime calls large objects.</summary>
    private const int BatchRows = 1024;

    /// <summary>Times that traffic may change within what is learned before a person must look.</summary>
    private const int LearningAttempts = 3;

    private readonly RuntimeServices _services;
    private readonly string _configurationSha256;
    private readonly HashSet<string> _expected;
    private readonly double _appearance;
    private readonly bool _isConfigured;
    private readonly List<StateKey> _removed = [];
    private AdmissionRule _admission;
    private RowBatchBuilder? _builder;
    private ProfileLearner? _learner;
    private MonitorRuntime[] _monitors = [];
    private Profile? _profile;
    private string _note = "";

    /// <summary>The profile of an earlier version, whose inputs are watched by while this one's answers are learned.</summary>
    private Profile? _carried;
    private int _attempts;
    private bool _changed;
    private bool _modelChanged;

    /// <param name="services">Kinds, profiles, build.</param>
    /// <param name="watched">Configuration of the model.</param>
    /// <param name="name">Model.</param>
    /// <param name="version">Version.</param>
    /// <param name="configurationSha256">Hash of the configuration, for findings.</param>
    /// <param name="appearance">1 for a listed model, else its share of the unlisted models' part.</param>
    public ModelRuntime(RuntimeServices services, WatchedModel watched, string name, string version, string configurationSha256, double appearance)
    {
        _services = services;
        Watched = watched;
        Name = name;
        Version = version;
        _configurationSha256 = configurationSha256;
        _appearance = appearance;
        _expected = new HashSet<string>(watched.Expected, StringComparer.Ordinal);
        _admission = new AdmissionRule(new AdmissionSettings { SessionGapMs = (long)(watched.SessionGap ?? TimeSpan.Zero).TotalMilliseconds });

        // An entry without a version names the profile of one of them; the others learn their own.
        if (watched.ProfileSha256 is { } sha256 && services.Profiles.Contains(name, version, sha256))
        {
            _isConfigured = true;
            Use(services.Profiles.Load(name, version, sha256));
        }
    }

    public string Name { get; }

    public string Version { get; }

    public WatchedModel Watched { get; }

    /// <summary>Finds the profile of an earlier version at the version's first event, given its offset; null where there is none.</summary>
    public Func<ModelRuntime, long, Profile?>? Predecessor { get; init; }

    /// <summary>The profile that was learned or configured for this very version; null while it has none.</summary>
    public Profile? OwnProfile => _carried is null ? _profile : null;

    /// <summary>Input offset from which on the own profile is in use; −1 for a configured one.</summary>
    public long ProfileOffset { get; private set; } = -1;

    /// <summary>For people, while the answers are learned.</summary>
    public string CarriedNote => _carried is null ? "" : string.Create(CultureInfo.InvariantCulture, $"inputs by the profile of version {_carried.Model.Version}; answers are being learned ({_learner?.Draws ?? 0} of {Watched.LearningDraws})");

    public ModelDescription? Description { get; private set; }

    public string ProfileSha256 { get; private set; } = "";

    /// <summary>Hash of what the profile in use holds for one monitor.</summary>
    public string PartSha256(string monitor) => _profile!.Sha256Of(monitor);

    /// <summary>How far the profile in use has moved from the first one that was approved, in standard deviations: a thief of time poisons slowly (RUNTIME 5).</summary>
    public double DistanceToFirst { get; private set; }

    /// <summary>What the profile in use says of changes; of an earlier version's profile without the sensitivity of its model.</summary>
    public ChangeReference? Changes => _carried is null ? _profile?.Changes : _profile?.Changes?.WithoutMoves();

    public long UnitNano => _profile?.UnitNano ?? 1_000_000_000;

    public TrafficHistory History { get; } = new();

    /// <summary>As the present monitors see the traffic, where they failed on nothing: a checkpoint holds it once for all of them.</summary>
    public TrafficHistory Watching { get; private set; } = new();

    public IReadOnlyList<MonitorRuntime> Monitors => _monitors;

    /// <summary>Its events of the records in hand, in log order; empty between two hand-overs.</summary>
    public List<DecodedEvent> Pending { get; } = [];

    /// <summary>Fitted log time between rows, nanoseconds; infinite where the reference has no times.</summary>
    public double FittedRowNano => _profile is { Rows: > 1 } profile && profile.ToUnixNano > profile.FromUnixNano
        ? (profile.ToUnixNano - profile.FromUnixNano) / (double)(profile.Rows - 1)
        : double.PositiveInfinity;

    public bool IsExpected(string client) => client.Length > 0 && _expected.Count > 0 && _expected.Contains(client);

    public int SlotOf(long timeUnixNano) => SlotChoice.SlotOf(_profile?.Slots ?? SlotScheme.None, timeUnixNano / 1_000_000);

    public Provenance Provenance() => new()
    {
        ConfigurationSha256 = _configurationSha256,
        ProfileSha256 = ProfileSha256,
        ModelSha256 = Description?.Sha256 ?? "",
        Build = _services.Build.Version,
        Provider = _services.Build.Provider,
        Cpu = _services.Build.Cpu,
    };

    /// <summary>Takes the <see cref="Pending"/> events and returns the batches that its monitors are to process. Learning happens here.</summary>
    public async ValueTask<IReadOnlyList<(IReadOnlyList<MonitorRuntime> Monitors, IReadOnlyList<RowBatch> Batches)>> ReadAsync(EventReader reader, CancellationToken cancellationToken)
    {
        var work = new List<(IReadOnlyList<MonitorRuntime>, IReadOnlyList<RowBatch>)>(1);
        var batches = new List<RowBatch>(1);
        for (var i = 0; i < Pending.Count; i++)
        {
            var decoded = Pending[i];
            if (decoded.Label is { } label)
            {
                // Labels of calls that nobody watched yet have nothing to be joined with.
                if (OwnProfile is not null && Description is not null)
                {
                    _builder ??= new RowBatchBuilder(Description);
                    _builder.Add(label, decoded.Offset, decoded.TimeUnixNano);
                }

                continue;
            }

            _changed = true;
            History.Add(decoded.Facts, decoded.Offset, decoded.TimeUnixNano);
            if (Description is null)
            {
                Description = ModelDescriptions.Infer(decoded.Parse(), Watched.Describe(Name, Version));
                if (Description is null)
                {
                    _note = "no event with a readable input yet";
                    continue;
                }

                _modelChanged = true;
                _note = "";
                if (_profile is null && Predecessor?.Invoke(this, decoded.Offset) is { } earlier && CarriedProfile.Fits(earlier, Description) && Watched.Monitors.Any(m => CarriesOver(earlier, m)))
                {
                    Carry(earlier);
                }
            }

            _builder ??= new RowBatchBuilder(Description);
            if (_builder.Count == 0)
            {
                _builder.Expect(OwnProfile is null ? 1 : Math.Min(Pending.Count - i, BatchRows));
            }

            _builder.Add(decoded, reader.Tensors, _admission);
            if (OwnProfile is null)
            {
                // Row by row: where learning ends must not depend on how events were cut into batches.
                var batch = _builder.Build();
                var monitors = _monitors;
                if (_carried is not null)
                {
                    batches.Add(Watch(batch));
                }

                await LearnAsync(batch, decoded.Offset, cancellationToken).ConfigureAwait(false);
                if (!ReferenceEquals(monitors, _monitors) && batches.Count > 0)
                {
                    work.Add((monitors, batches));
                    batches = new List<RowBatch>(1);
                }
            }
            else if (_builder.Count >= BatchRows)
            {
                batches.Add(Watch(_builder.Build()));
            }
        }

        if (_builder is { IsEmpty: false })
        {
            batches.Add(Watch(_builder.Build()));
        }

        if (batches.Count > 0)
        {
            work.Add((_monitors, batches));
        }

        Pending.Clear();
        return work;
    }

    public MonitorStatus[] Status(int partition)
    {
        var statuses = new MonitorStatus[Watched.Monitors.Count];
        for (int i = 0, next = 0; i < statuses.Length; i++)
        {
            // The monitors at work are in the order of the configuration.
            statuses[i] = next < _monitors.Length && ReferenceEquals(_monitors[next].Watched, Watched.Monitors[i]) ? _monitors[next++].Status(partition) : Idle(Watched.Monitors[i], partition);
        }

        return statuses;
    }

    /// <summary>Of a monitor that is not at work.</summary>
    private MonitorStatus Idle(WatchedMonitor watched, int partition) =>
        new(
            Name,
            Version,
            watched.Name,
            watched.Kind,
            partition,
            OwnProfile is null && Watched.Monitors.Count > 0 && Description is not null ? MonitorState.Learning : MonitorState.Blind,
            OwnProfile is not null ? "the profile was fitted without this monitor, or with other options" : _note.Length > 0 ? _note : Description is null ? "no data yet" : "",
            _learner?.Draws ?? 0,
            _learner?.Target ?? 0,
            _learner?.ExpectedEnd(),
            double.NegativeInfinity,
            double.NaN,
            0,
            0,
            History.Coverage,
            ProfileSha256,
            "");

    /// <summary>Adds what changed since the last call.</summary>
    public void Collect(StateChanges changes)
    {
        foreach (var key in _removed)
        {
            changes.Remove(key);
        }

        _removed.Clear();
        if (_modelChanged)
        {
            _modelChanged = false;
            if (Description is not null)
            {
                changes.Set(Key("description"), JsonSerializer.SerializeToUtf8Bytes(Description));
            }

            // A configured profile is in the store under its hash; a learned one is state.
            if (OwnProfile is not null && !_isConfigured)
            {
                changes.Set(Key("profile"), OwnProfile.ToBytes());
            }
            else if (_carried is not null)
            {
                changes.Set(Key("carried"), _carried.ToBytes());
            }
        }

        if (_changed)
        {
            _changed = false;
            _admission.Save(changes);
            changes.Set(Key("admission"));
            Save(changes);
            changes.Set(Key("model"));
            if (_monitors.Length > 0)
            {
                Watching.Save(new CanonicalWriter(changes));
                changes.Set(Key("watching"));
            }
        }

        _learner?.Collect(changes, page => Key("learning", PageName(page)));

        foreach (var monitor in _monitors)
        {
            monitor.Collect(changes);
        }
    }

    /// <summary>Takes back what <see cref="Collect"/> gave. State of monitors that are other ones now is left out.</summary>
    public void Restore(IReadOnlyDictionary<StateKey, byte[]> values)
    {
        if (values.TryGetValue(Key("description"), out var description))
        {
            Description ??= JsonSerializer.Deserialize<ModelDescription>(description) ?? throw new InvalidDataException($"model {Name} without a description");
        }

        if (values.TryGetValue(Key("model"), out var model))
        {
            var reader = new CanonicalReader(model);
            _attempts = (int)reader.ReadCount();
            _note = Encoding.UTF8.GetString(reader.ReadBytes());
            ProfileOffset = reader.ReadSigned();
            History.Restore(ref reader);
            reader.ExpectEnd();
        }

        if (_profile is null && values.TryGetValue(Key("profile"), out var profile))
        {
            Use(Profile.FromBytes(profile));
        }

        if (_profile is null && values.TryGetValue(Key("carried"), out var carried))
        {
            Carry(Profile.FromBytes(carried));
        }

        if (values.TryGetValue(Key("watching"), out var watching))
        {
            var reader = new CanonicalReader(watching);
            Watching.Restore(ref reader);
            reader.ExpectEnd();
        }

        // Left by the monitors that an earlier version's profile had served.
        _removed.AddRange(values.Keys.Where(k => _carried is null && k.Part.StartsWith("carried", StringComparison.Ordinal)));

        // After the profile: it brings the settings of the admission.
        if (values.TryGetValue(Key("admission"), out var admission))
        {
            _admission.Restore(admission);
        }

        if (OwnProfile is null && Description is not null)
        {
            _learner = new ProfileLearner(Description, Watched.LearningDraws);
            for (var page = 0; values.TryGetValue(Key("learning", PageName(page)), out var rows); page++)
            {
                _learner.RestorePage(rows);
            }
        }

        for (var i = 0; i < _monitors.Length; i++)
        {
            if (!_monitors[i].Restore(values))
            {
                foreach (var key in values.Keys.Where(k => string.Equals(k.Model, Name, StringComparison.Ordinal) && string.Equals(k.Version, Version, StringComparison.Ordinal) && string.Equals(k.Monitor, _monitors[i].Watched.Name, StringComparison.Ordinal)))
                {
                    _removed.Add(key);
                }
            }
        }
    }

    private static string PageName(int page) => page.ToString("D6", CultureInfo.InvariantCulture);

    private StateKey Key(string part, string key = "") => new(Name, Version, "", part, key);

    private RowBatch Watch(RowBatch batch)
    {
        Watching.Add(batch);
        return batch;
    }

    private void Save(IBufferWriter<byte> output)
    {
        var writer = new CanonicalWriter(output);
        writer.WriteCount(_attempts);
        writer.WriteBytes(Encoding.UTF8.GetBytes(_note));
        writer.WriteSigned(ProfileOffset);
        History.Save(writer);
    }

    /// <summary>Flagged traffic never enters a profile: events that break the schema, failed calls, clients that are expected to be unusual.</summary>
    private async ValueTask LearnAsync(RowBatch batch, long offset, CancellationToken cancellationToken)
    {
        _learner ??= new ProfileLearner(Description!, Watched.LearningDraws);
        for (var row = 0; row < batch.Count; row++)
        {
            var info = batch.Rows[row];
            if (info.Admitted && batch.Facts(info.Event).IsClean && !IsExpected(info.Client))
            {
                _learner.Add(batch, row);
            }
        }

        if (!_learner.IsComplete || _attempts >= LearningAttempts || string.Equals(_note, WaitsForApproval, StringComparison.Ordinal))
        {
            return;
        }

        var reference = ReferenceData.Split(_learner.ToBatch(), seed: StableHash.Of(Name));
        var fitted = await _services.Fitter.FitAsync(Watched.Monitors, reference, "traffic", Watched.SessionGap, cancellationToken).ConfigureAwait(false);
        if (fitted.ChangedWithin.Count > 0 && ++_attempts < LearningAttempts)
        {
            _note = $"traffic changed while it was learned ({string.Join(", ", fitted.ChangedWithin.Take(3))}); learning goes on";
            _learner.ForgetOlderHalf();
            return;
        }

        var profile = _carried is null ? fitted.Profile : CarriedProfile.Merge(fitted.Profile, _carried, Watched.Monitors, _services.Kinds);
        var sha256 = _services.Profiles.Save(profile, fitted.Warnings);
        if (fitted.ChangedWithin.Count > 0 || !Watched.AutoApprove)
        {
            _note = WaitsForApproval;
            return;
        }

        _services.Profiles.MarkFirst(Name, Version, sha256);
        if (_carried is not null)
        {
            _removed.Add(Key("carried"));
            _carried = null;
        }

        ProfileOffset = offset;
        _removed.AddRange(_learner.AllPages().Select(p => Key("learning", PageName(p))));
        _learner = null;
        _note = "";
        _modelChanged = true;
        Use(profile);
    }

    /// <summary>Parameters fitted with other options are not this monitor's.</summary>
    private bool Fits(MonitorProfile learned, WatchedMonitor watched) =>
        string.Equals(learned.Kind, watched.Kind, StringComparison.Ordinal)
        && string.Equals(learned.Options, MonitorOptions.Canonical(MonitorOptions.Create(_services.Kinds[watched.Kind], watched.Options)), StringComparison.Ordinal);

    private const string WaitsForApproval = "a learned profile waits for approval";

    private bool CarriesOver(Profile earlier, WatchedMonitor watched) =>
        _services.Kinds[watched.Kind].CarriesOver && earlier.Monitor(watched.Name) is { } learned && Fits(learned, watched);

    /// <summary>Watches the inputs by an earlier version's profile until this version has its own.</summary>
    private void Carry(Profile earlier)
    {
        _carried = earlier;
        Use(earlier, Description! with { Schema = earlier.Model.Schema });
    }

    private void Use(Profile profile) =>
        Use(profile, profile.Model with { Name = Name, Version = Version, Sha256 = Watched.Sha256.Length > 0 ? Watched.Sha256 : profile.Model.Sha256 });

    private void Use(Profile profile, ModelDescription description)
    {
        _profile = profile;
        Watching = new TrafficHistory();
        ProfileSha256 = profile.Sha256();
        Description = description;
        DistanceToFirst = _carried is null ? _services.Profiles.DistanceToFirst(profile) : 0;
        _admission = new AdmissionRule(new AdmissionSettings
        {
            SessionGapMs = (long)(Watched.SessionGap?.TotalMilliseconds ?? profile.SessionGapNano / 1_000_000),
            AutocorrelationMs = profile.AutocorrelationNano / 1_000_000,
        });
        _monitors = [.. Watched.Monitors.Select((watched, i) => (watched, i))
            .Where(m => _carried is null ? profile.Monitor(m.watched.Name) is { } learned && Fits(learned, m.watched) : CarriesOver(profile, m.watched))
            .Select(m => new MonitorRuntime(this, m.i, m.watched, _services.Kinds[m.watched.Kind], profile.Monitor(m.watched.Name)!, _appearance, _carried is not null))];
    }
}
