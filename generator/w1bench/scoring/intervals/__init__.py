"""The uncertainty of a score: over a pair's test points by resamples, and over a method's seeds."""
