"""The documents that the REST interface takes and gives."""
