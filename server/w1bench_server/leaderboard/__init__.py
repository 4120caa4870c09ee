"""Rankings of methods, and paired comparisons of two of them."""
