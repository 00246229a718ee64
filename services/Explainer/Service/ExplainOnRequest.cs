using System.Security.Claims;
using Microsoft.AspNetCore.Http;
using Monitoring.Contracts;
using Monitoring.EventLog;
using Monitoring.Hosting;
using Monitoring.Scoring;

namespace Monitoring.Explainer;

/// <summary><c>POST /api/explanations</c>: explains one row of one call now. Behind the open incidents' explanations in the queue, inside a row budget, and given up when the caller hangs up.</summary>
internal sealed class ExplainOnRequest(IEventLog log, ModelExplainers explainers, ExplanationStore store)
{
    private const int RowBudget = 200_000;

    /// <summary>What is asked for.</summary>
    /// <param name="EventId">The call.</param>
    /// <param name="Row">Its row, from 0.</param>
    /// <param name="Method">One of <see cref="ModelExplainer.Methods"/>; kernel-shap when absent.</param>
    internal sealed record Request(string? EventId, int Row, string? Method);

    /// <summary>An explanation as the HTTP API gives it; meanings as in <see cref="Explanation"/>.</summary>
    /// <param name="Attributions">One value per feature, superpixel or pixel; null where the method gives rows.</param>
    /// <param name="Image">Address of the drawing; null where there is none.</param>
    internal sealed record Answer(
        string Id,
        string EventId,
        int Row,
        string Model,
        string ModelVersion,
        string Method,
        string Output,
        double Value,
        double Base,
        IReadOnlyList<string> Features,
        IReadOnlyList<float>? Attributions,
        IReadOnlyList<long>? Shape,
        IReadOnlyList<string> RowIds,
        long ModelRows,
        string? Image);

    public async Task<IResult> HandleAsync(Request request, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var method = request.Method ?? "kernel-shap";
        if (string.IsNullOrEmpty(request.EventId) || request.Row < 0 || !ModelExplainer.Methods.Contains(method, StringComparer.Ordinal))
        {
            return Error(400, $"eventId is needed, row must be 0 or more, method one of {string.Join(", ", ModelExplainer.Methods)}");
        }

        InferenceEvent? call = null;
        var wanted = new HashSet<string>(StringComparer.Ordinal) { request.EventId };
        var partitions = await log.GetPartitionCountAsync(Topics.InferenceEvents, cancellationToken).ConfigureAwait(false);
        for (var p = 0; p < partitions && call is null; p++)
        {
            var offsets = await log.GetOffsetsAsync(Topics.InferenceEvents, p, cancellationToken).ConfigureAwait(false);
            call = (await ExplainedRow.FindAsync(log, p, offsets.Start, offsets.End, wanted, cancellationToken).ConfigureAwait(false)).FirstOrDefault();
        }

        // Who may not see the model learns nothing about the call either.
        if (call is null || !user.May(Policies.View, call.Model))
        {
            return Error(404, $"there is no call '{request.EventId}' in the log");
        }

        try
        {
            var (explanation, drawing) = await explainers[call.Model, call.ModelVersion].ExplainAsync(method, ExplainedRow.Read(call, request.Row), new PerturbationRequest(0, (_, _, _) => { }) { Budget = RowBudget }, cancellationToken).ConfigureAwait(false);
            var id = ExplanationStore.Id("", call.Id, request.Row, method);
            if (drawing is not null)
            {
                await store.SaveAsync(id, drawing, cancellationToken).ConfigureAwait(false);
            }

            return Results.Ok(new Answer(
                id,
                call.Id,
                request.Row,
                call.Model,
                call.ModelVersion,
                method,
                explanation.Output,
                explanation.Value,
                explanation.Base,
                explanation.Features,
                explanation.Attributions is { } a ? System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(a.Data.Span).ToArray() : null,
                explanation.Attributions?.Shape,
                explanation.RowIds,
                explanation.ModelCalls,
                drawing is null ? null : $"/api/explanations/{id}/image"));
        }
        catch (Exception e) when (e is NotSupportedException or RowBudgetException or InvalidDataException)
        {
            return Error(422, e.Message);
        }
        catch (ScoringException e)
        {
            return Error(500, e.Message);
        }
    }

    private static IResult Error(int status, string message) => Results.Json(new { error = message }, statusCode: status);
}
