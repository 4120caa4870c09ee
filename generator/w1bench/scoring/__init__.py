"""Submissions held against a pair's truth: metrics, intervals and the scorecard."""
