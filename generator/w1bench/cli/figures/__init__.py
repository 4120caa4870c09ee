"""The commands that draw figures."""
