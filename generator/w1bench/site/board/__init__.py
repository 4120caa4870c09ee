"""The board: rows of methods on pairs, chosen, averaged over families and written as tables."""
