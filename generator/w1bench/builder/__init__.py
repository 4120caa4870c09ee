"""The way from a recipe to a certified pair folder."""
