"""The distributions Q that targets are drawn from."""
