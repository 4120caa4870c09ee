"""Estimators of W1 from two samples, held against pairs whose W1 is known exactly."""
