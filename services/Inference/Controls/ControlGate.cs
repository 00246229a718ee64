using System.Collections.Concurrent;
using Monitoring.Contracts;
using Monitoring.Hosting;
using Monitoring.Hosting.Configuration;
using Action = Monitoring.Contracts.Action;

namespace Monitoring.Inference;

/// <summary>
/// Judges calls by the decisions of <c>monitoring.controls</c> and by the standing limits, from memory. Calls without a client are
/// touched only by a route of the model's whole traffic: nobody is blamed. Decisions that are not enforced (dry-run, or <c>controls.enforce</c> off) change nothing that a caller
/// could see; they are counted, and named in the event.
/// </summary>
internal sealed class ControlGate(ControlLedger ledger, LimitTable limits, ControlMetrics metrics, LoadedConfiguration configuration, TimeProvider time) : IReloadable
{
    private readonly ConcurrentDictionary<(string Control, Door Door), TokenBucket> _buckets = new();
    private ControlSet _seen = ControlSet.Empty;
    private bool _enforce = configuration.Value.Controls.Enforce;

    public IReadOnlyList<string> Keys { get; } = ["controls.enforce", "limits"];

    public ValueTask<IReloadStep> PrepareAsync(LoadedConfiguration next, CancellationToken cancellationToken) =>
        ValueTask.FromResult<IReloadStep>(new Step(this, next.Value));

    /// <summary>What is to be done with a call that a client makes now.</summary>
    /// <param name="door">Where it is judged.</param>
    /// <param name="model">Model.</param>
    /// <param name="client">Sealed id; empty where there is none.</param>
    public Verdict Judge(Door door, string model, string client)
    {
        var controls = ledger.Current;
        if (controls.IsEmpty && (client.Length == 0 || limits.IsEmpty))
        {
            return default;
        }

        // What is decided about a client goes before what is decided about everybody.
        var verdict = client.Length == 0 ? default : Decide(default, controls.Of(client), controls, door, model);
        if (!verdict.IsRefused)
        {
            verdict = Decide(verdict, controls.Everyone, controls, door, model);
        }

        if (client.Length > 0 && !verdict.IsRefused && !limits.IsEmpty && !limits.TryTake(door, model, client, out var wait, out var limit))
        {
            metrics.Limited(model, limit);
            return new Verdict { Status = 429, RetryAfter = Seconds(wait) };
        }

        return verdict;
    }

    private void ReplaceLimits(IReadOnlyList<LimitConfiguration> next) => limits.Replace(next);

    private Verdict Decide(Verdict verdict, ReadOnlySpan<Control> decisions, ControlSet controls, Door door, string model)
    {
        if (decisions.IsEmpty)
        {
            return verdict;
        }

        var now = EventCapture.UnixNano(time.GetUtcNow());
        foreach (var control in decisions)
        {
            if (control.ExpiresUnixNano <= now || (control.Model.Length > 0 && control.Model != model))
            {
                continue;
            }

            var isEnforced = Volatile.Read(ref _enforce) && !control.DryRun;
            if (Apply(verdict, control, controls, door) is not { } touched)
            {
                continue;
            }

            metrics.Controlled(model, control.Action, isEnforced);
            var mark = $"{(isEnforced ? "" : "dry-run:")}{ControlMetrics.NameOf(control.Action)}:{control.Id}";
            verdict = (isEnforced ? touched : verdict) with { Mark = verdict.Mark is null ? mark : $"{verdict.Mark} {mark}" };
            if (verdict.Status == 403)
            {
                break;
            }
        }

        return verdict;
    }

    /// <summary>The verdict with the decision applied; null where it does not touch this call.</summary>
    private Verdict? Apply(Verdict verdict, Control control, ControlSet controls, Door door)
    {
        switch (control.Action)
        {
            case Action.Deny:
                return verdict with { Status = 403 };
            case Action.Throttle:
                Forget(controls);
                var seconds = time.GetTimestamp() / (double)time.TimestampFrequency;
                var bucket = _buckets.GetOrAdd((control.Id, door), static (_, s) => new TokenBucket(s.Rate, Math.Max(1, s.Rate), s.Seconds), (Rate: Math.Max(0.001, control.Rate), Seconds: seconds));
                return bucket.TryTake(seconds, out var wait) ? null : verdict with { Status = 429, RetryAfter = Math.Max(verdict.RetryAfter, Seconds(wait)) };
            case Action.Coarsen:
                return verdict with { Decimals = Math.Min(verdict.Decimals ?? int.MaxValue, Math.Clamp(control.Decimals, 0, 9)) };
            case Action.Route when control.Target.Length > 0:
                return verdict with { Target = verdict.Target ?? control.Target };
            default:
                return null;
        }
    }

    /// <summary>Buckets of decisions that are over.</summary>
    private void Forget(ControlSet controls)
    {
        if (ReferenceEquals(Interlocked.Exchange(ref _seen, controls), controls))
        {
            return;
        }

        foreach (var key in _buckets.Keys)
        {
            if (!controls.ById.TryGetValue(key.Control, out var control) || control.Revoked)
            {
                _buckets.TryRemove(key, out _);
            }
        }
    }

    private static int Seconds(double wait) => (int)Math.Clamp(Math.Ceiling(wait), 1, 86_400);

    private sealed class Step(ControlGate gate, MonitoringConfiguration next) : IReloadStep
    {
        public void Commit()
        {
            Volatile.Write(ref gate._enforce, next.Controls.Enforce);
            gate.ReplaceLimits(next.Limits);
        }

        public void Abandon()
        {
        }
    }
}
