// Most of the time is spent waiting for groups to come together, as a broker makes them wait.
[assembly: CollectionBehavior(MaxParallelThreads = 4)]
