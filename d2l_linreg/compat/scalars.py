"""A float32 among Python's numbers, as in NumPy before version 2.

There `.01 * x` was a float64, and `x == .1` compared in float64: Python's numbers counted as
NumPy's of 64 bits. Since NEP 50 they take x's type.
"""
import operator
from collections.abc import Callable
from typing import Any

import numpy

_UNARY = ("neg", "pos", "abs")
_COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
_BINARY = {"divmod": divmod} | {name: getattr(operator, f"__{name}__") for name in (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", *_COMPARISONS)}


class float32(numpy.float32):
    """A `numpy.float32` of then, and so is what operators make of it, but not what ufuncs do."""

    __module__ = "numpy"  # as it was called
    __hash__ = numpy.float32.__hash__


def _of_today(value: Any) -> Any:
    if type(value) in (bool, int, float, complex):
        return numpy.asarray(value)[()]
    return numpy.float32(value.item()) if type(value) is float32 else value


def scalar_of_then(value: Any) -> Any:
    """A scalar of NumPy's, or a tuple of them, as NumPy before version 2 had it."""
    if isinstance(value, tuple):  # of divmod
        return tuple(map(scalar_of_then, value))
    return float32(value) if type(value) is numpy.float32 else value


def _method(function: Callable[..., Any], reflected: bool = False) -> Callable[..., Any]:
    def method(*operands: Any) -> Any:
        operands = operands[::-1] if reflected else operands
        return scalar_of_then(function(*map(_of_today, operands)))

    return method


for _name in _UNARY:
    setattr(float32, f"__{_name}__", _method(getattr(operator, f"__{_name}__")))
for _name, _function in _BINARY.items():
    setattr(float32, f"__{_name}__", _method(_function))
    if _name not in _COMPARISONS:
        setattr(float32, f"__r{_name}__", _method(_function, reflected=True))


class ArrayOfOne(numpy.ndarray):
    """An array of one number, which is one to Python, as it was until NumPy 2.5: `"%f" % array`."""

    __module__ = "numpy"

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __repr__(self) -> str:
        return repr(self.view(numpy.ndarray))


ArrayOfOne.__name__ = ArrayOfOne.__qualname__ = "ndarray"


def array_of_then(array: numpy.ndarray) -> numpy.ndarray:
    """An array of NumPy's, as NumPy had it before version 2.5."""
    return array.view(ArrayOfOne) if array.size == 1 and array.ndim else array
