"""The ways to take a notebook's steps."""
