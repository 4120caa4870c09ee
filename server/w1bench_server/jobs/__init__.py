"""Work that the database keeps until a worker has done it."""
