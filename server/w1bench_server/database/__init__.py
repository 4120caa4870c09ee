"""The tables, in one schema for SQLite and PostgreSQL."""
