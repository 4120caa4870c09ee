"""Pairs on disk: their files, manifests and commitments, one by one and as an archive."""
