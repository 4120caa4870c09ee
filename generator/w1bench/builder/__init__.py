"""From a recipe to a certified folder of a pair, and the check of everything that such a folder says."""
