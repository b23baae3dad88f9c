"""The ways to take a notebook's steps, each a class in a module of its name."""
import importlib
from typing import TYPE_CHECKING, Any

from ..arguments import one_of
from ..errors import ArgumentError

if TYPE_CHECKING:
    from .engine import Engine

ENGINES = ("compiled", "autograd", "native")
GONE = ("scan", "fused")  # which 0.1.0 had


def find(name: Any) -> "type[Engine]":
    """Find an engine by its name, and load it.

    Parameters
    ----------
    name : {"compiled", "autograd", "native"}

    Returns
    -------
    type
        A subclass of `engine.Engine`.

    Raises
    ------
    ArgumentError
        If there is none of that name.
    ImportError
        If it is "native", and numba is not installed.
    """
    if isinstance(name, str) and name in GONE:
        raise ArgumentError(f"engine is {name!r}, which is gone; 'native' is faster than it was, "
                            "and has the notebook's bits")
    module = importlib.import_module("." + one_of("engine", name, ENGINES), __package__)
    return getattr(module, name.capitalize())
