"""The distributions Q that the targets of pairs are drawn from."""
