"""w1bench."""
