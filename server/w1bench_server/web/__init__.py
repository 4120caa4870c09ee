"""How the service is asked: HTTP."""
