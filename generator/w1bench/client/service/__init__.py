"""The service as its clients see it: submissions, boards and tokens over HTTP."""
