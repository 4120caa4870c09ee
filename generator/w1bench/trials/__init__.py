"""Methods on pairs from seeds, and their rows of results."""
