"""The original notebooks, unmodified."""
