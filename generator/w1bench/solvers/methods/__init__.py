"""Methods: published ways to estimate the Wasserstein-1 potential or its gradient, one file a paper."""
