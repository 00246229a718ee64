namespace Monitoring.AllInOne.Drills;

/// <summary>The attacker may not ask more; ends an attack.</summary>
internal sealed class QueryBudgetSpentException() : Exception("the attack's query budget is spent");
