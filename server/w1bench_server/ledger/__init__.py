"""What happened to submissions: append-only, chained by hashes."""
