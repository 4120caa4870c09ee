"""The published pairs: their list, downloads, slices and fixity."""
