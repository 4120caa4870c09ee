"""Training of a small image generator on patches of photographs."""
