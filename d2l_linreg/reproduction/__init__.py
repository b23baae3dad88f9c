"""What was published, held against a fresh run."""
