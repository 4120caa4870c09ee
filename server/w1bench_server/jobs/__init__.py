"""Work that a worker does later: what each job is, and what came of it."""
