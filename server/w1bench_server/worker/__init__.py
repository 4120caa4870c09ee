"""The process that does jobs: build pairs, score large submissions and those to sealed pairs."""
