"""The command line, `w1bench VERB`: one module for each group of verbs."""
