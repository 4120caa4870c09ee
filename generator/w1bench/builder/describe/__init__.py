"""What a pair says of itself to people and to catalogues of data sets."""
