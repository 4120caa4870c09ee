"""Figures beside the metrics, from which findings are made: lengths of gradients, slopes of the potential, how trivial the field is, and what slopes above 1 carry."""
