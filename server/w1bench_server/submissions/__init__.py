"""The way of an upload from its body to its row."""
