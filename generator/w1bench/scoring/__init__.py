"""Scoring: a submitted critic held against the truth of a pair, and the scorecard that comes of it."""
