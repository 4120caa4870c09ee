"""What people and data catalogues read of a pair."""
