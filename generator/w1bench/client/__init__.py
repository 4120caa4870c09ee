"""What a researcher calls: load a pair, score a critic on it, submit it to a service."""
