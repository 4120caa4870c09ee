"""Pairs on disk: their files, manifests and commitments, and the folders that hold many of them."""
