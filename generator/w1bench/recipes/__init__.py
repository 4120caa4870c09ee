"""Recipes: everything that determines a pair."""
