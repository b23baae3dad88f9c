"""Today's machine: what MXNet, NumPy and matplotlib need in order to act as they did then."""
