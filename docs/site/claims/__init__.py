"""The ten conclusions about what critics do, each with its criterion, its table and its figure."""
