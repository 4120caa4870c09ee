"""Trials: reference solvers trained on pairs and scored, one at a time or as a grid, and tables of their results."""
