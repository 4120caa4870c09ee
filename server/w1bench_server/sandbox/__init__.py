"""Where uploads are read and scored: processes that can do nothing else."""
