"""The published dual solvers, one file a paper."""
