"""Learners: the networks that a method trains, and one step of their training; most methods share one."""
