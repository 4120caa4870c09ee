"""The command line, `w1bench VERB`."""
