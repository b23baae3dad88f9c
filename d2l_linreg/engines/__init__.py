"""The ways to take a notebook's steps, each a class in a module of its name."""
import importlib
from typing import TYPE_CHECKING, Any

from ..arguments import one_of

if TYPE_CHECKING:
    from .engine import Engine

ENGINES = ("compiled", "autograd", "scan", "fused")


def find(name: Any) -> "type[Engine]":
    """Find an engine by its name, and load it.

    Parameters
    ----------
    name : {"compiled", "autograd", "scan", "fused"}

    Returns
    -------
    type
        A subclass of `engine.Engine`.

    Raises
    ------
    ArgumentError
        If there is none of that name.
    """
    module = importlib.import_module("." + one_of("engine", name, ENGINES), __package__)
    return getattr(module, name.capitalize())
