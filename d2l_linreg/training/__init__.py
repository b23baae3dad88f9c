"""Training as the two notebooks do it."""
