namespace Monitoring.AllInOne.Demo;

/// <summary>The traffic of one model in the demo.</summary>
/// <param name="Model">Name.</param>
/// <param name="InputName">Input tensor.</param>
/// <param name="RowShape">Dimensions of a row.</param>
/// <param name="Clean">Draws a row from the very population that the profile is drawn from.</param>
/// <param name="Changed">Draws a row after the change.</param>
/// <param name="Change">The change in words.</param>
internal sealed record DemoStream(string Model, string InputName, int[] RowShape, Func<Random, float[]> Clean, Func<Random, float[]> Changed, string Change);
