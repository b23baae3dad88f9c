"""How NumPy printed arrays in 2017 and in 2019; inside a block, and afterwards as before."""
import contextlib
import importlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy
from numpy.lib import NumpyVersion

_NEW = NumpyVersion(numpy.__version__) >= "2.0.0"
_arrayprint = importlib.import_module(  # private, so that it moves about
    "numpy._core.arrayprint" if _NEW else "numpy.core.arrayprint")

# NumPy 2 prints large numbers and the shapes of large arrays otherwise, but for this
_LEGACY: Any = "1.21" if NumpyVersion(numpy.__version__) >= "1.22.0" else False
_DEFAULTS: Any = dict(precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False,
                      nanstr="nan", infstr="inf", formatter=None, sign="-", floatmode="maxprec",
                      legacy=_LEGACY)


def printing_of_2019() -> contextlib.AbstractContextManager[Any]:
    """NumPy 1.16's way to print inside the block, whatever options a caller has set."""
    return numpy.printoptions(**_DEFAULTS)


@contextlib.contextmanager
def printing_of_2017() -> Iterator[None]:
    """NumPy 1.13's way to print inside the block, which also tells MXNet's arrays.

    NumPy has that way still, but for two things: numbers of less than 64 bits went by way of
    float64, and blanks at a line's end, where no comma follows, did not count towards its width.
    """
    plain, extend = _arrayprint._array2string, _arrayprint._extendLine

    def array2string(a: numpy.ndarray, *arguments: Any, **keywords: Any) -> str:
        return plain(_as_float64(a) if _is_2017() else a, *arguments, **keywords)

    def extend_line(s: str, line: str, word: str, line_width: int, *arguments: Any) -> Any:
        stripped = line.rstrip()
        blanks = max(len(line) - len(stripped) - 1, 0) + len(word) - len(word.rstrip())
        uncounted = blanks if _is_2017() and not stripped.endswith(",") else 0
        return extend(s, line, word, line_width + uncounted, *arguments)

    with (numpy.printoptions(**dict(_DEFAULTS, legacy="1.13")),
          patch.multiple(_arrayprint, _array2string=array2string, _extendLine=extend_line)):
        yield


def str_of_2019(array: numpy.ndarray) -> str:
    """An array's text by NumPy 1.16."""
    with printing_of_2019():
        return str(array)


def str_of_2017(array: numpy.ndarray) -> str:
    """An array's text by NumPy 1.13."""
    return numpy.array2string(_as_float64(array), legacy="1.13")


def _is_2017() -> bool:  # and not, within, 2019
    return numpy.get_printoptions()["legacy"] == "1.13"


def _as_float64(array: numpy.ndarray) -> numpy.ndarray:
    small = array.dtype.kind == "f" and array.dtype.itemsize < 8
    return array.astype("float64") if small else array
