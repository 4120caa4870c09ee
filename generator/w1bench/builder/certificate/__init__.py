"""Numerical proofs that a pair is what its manifest says."""
