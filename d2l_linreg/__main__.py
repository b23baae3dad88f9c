"""`python -m d2l_linreg` is `d2l-linreg`."""
import sys

from .cli import main

sys.exit(main())
