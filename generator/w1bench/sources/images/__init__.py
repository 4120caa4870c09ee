"""Data sets of real pictures."""
