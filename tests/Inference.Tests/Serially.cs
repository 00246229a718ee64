// Some tests bound what the process allocates while they run: nothing else may run beside them.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
