"""Numerical proofs that the files of a pair are what they say."""
