"""How NumPy prints arrays: today, and in 2017; inside a block, and afterwards as before."""
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy

_DEFAULTS = dict(precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False,
                 nanstr="nan", infstr="inf", formatter=None, sign="-", floatmode="maxprec",
                 legacy=False)

_string_function: Callable[[numpy.ndarray], str] | None = None  # set here last; NumPy keeps
# to itself what anyone else set


@contextlib.contextmanager
def _printing(string_function: Callable[[numpy.ndarray], str] | None,
              **options: Any) -> Iterator[None]:
    global _string_function
    previous, _string_function = _string_function, string_function
    numpy.set_string_function(string_function, repr=False)
    try:
        with numpy.printoptions(**dict(_DEFAULTS, **options)):
            yield
    finally:
        _string_function = previous
        numpy.set_string_function(previous, repr=False)


def default_printing() -> contextlib.AbstractContextManager[None]:
    """NumPy's own way to print inside the block, whatever a caller has set."""
    return _printing(None)


def printing_of_2017() -> contextlib.AbstractContextManager[None]:
    """The way of NumPy before 1.14 inside the block, which also tells MXNet's arrays."""
    return _printing(str_of_2017, legacy="1.13")


def str_by_default(array: numpy.ndarray) -> str:
    """An array's text by today's NumPy, whatever a caller, or another thread, has set."""
    return numpy.array2string(
        array, max_line_width=75, precision=8, suppress_small=False, formatter={}, threshold=1000,
        edgeitems=3, sign="-", floatmode="maxprec", legacy=False)


def str_of_2017(array: numpy.ndarray) -> str:
    """An array's text by NumPy before 1.14, which went by way of float64."""
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        array = array.astype("float64")
    return numpy.array2string(array, legacy="1.13")
