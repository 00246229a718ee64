namespace Monitoring.Explainer;

/// <summary>An explanation would cost more model rows than it may.</summary>
internal sealed class RowBudgetException(int rows, int budget)
    : Exception($"the explanation needs {rows} model rows, its budget is {budget}; use fewer samples or a smaller background");
