"""Data sets of real pictures, and pictures as files."""
