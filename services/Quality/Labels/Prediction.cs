namespace Monitoring.Quality;

/// <summary>What the model said about a row, until its label comes.</summary>
/// <param name="Event">Hash of call and row.</param>
/// <param name="Request">Hash of the caller's own id and row; 0 without one.</param>
/// <param name="Time">Log time.</param>
/// <param name="Class">Predicted class; −1 for none.</param>
/// <param name="Value">Predicted number of a regressor; NaN for none.</param>
/// <param name="Probabilities">Of the classes; empty when there are none or too many.</param>
/// <param name="Segment">Segment of the row; −1 for none.</param>
/// <param name="IsDraw">Whether the row is an independent draw.</param>
internal readonly record struct Prediction(ulong Event, ulong Request, long Time, int Class, double Value, float[] Probabilities, int Segment, bool IsDraw);
