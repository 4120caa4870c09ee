"""The process that does jobs."""
