"""Pictures as distributions: data sets of real images."""
