"""The pages for people: what a service fills the templates with, and what it does beside."""
