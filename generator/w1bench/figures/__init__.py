"""Figures of pairs, critics and results, for papers and for the documents."""
