namespace Monitoring.AllInOne.Drills;

/// <summary>How a one-shot example is made on the surrogate.</summary>
internal enum TransferMethod
{
    /// <summary>One signed step (Goodfellow et al., ICLR 2015).</summary>
    FastGradientSign,

    /// <summary>Ten projected signed steps (Madry et al., ICLR 2018).</summary>
    ProjectedGradient,

    /// <summary>A saturated square where the gradient is largest.</summary>
    Patch,
}
