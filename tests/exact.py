"""Where the published figures must come out to the last digit."""
import pytest

from d2l_linreg.reproduction.environment import shortfalls

# Without FMA, or on MXNet 2, only the training figures may be off, and only by rounding.
exact_here = pytest.mark.skipif(bool(shortfalls()), reason=" ".join(shortfalls()))
