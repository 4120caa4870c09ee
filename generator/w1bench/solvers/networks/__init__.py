"""The networks that methods train."""
