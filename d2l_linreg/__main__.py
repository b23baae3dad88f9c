"""`python -m d2l_linreg` is `d2l-linreg`."""
import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
