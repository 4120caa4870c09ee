"""Methods compared over families of pairs: skill, ranks, and tables of them."""
