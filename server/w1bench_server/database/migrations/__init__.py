"""Changes of the schema, applied when a database is opened."""
