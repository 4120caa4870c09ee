"""The pages, their models and their static twin: one set for the service and for an archive alone."""
