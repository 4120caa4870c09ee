"""Training of the small generator that comes with w1bench."""
