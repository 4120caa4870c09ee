"""Plain HTML for people."""
