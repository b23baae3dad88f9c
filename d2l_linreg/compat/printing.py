"""How NumPy printed arrays in 2017 and in 2019; inside a block, and afterwards as before."""
import contextlib
import functools
import importlib
from contextvars import Token, copy_context
from typing import Any, cast

import numpy
from numpy.lib import NumpyVersion

from .blocks import Changes, block, replaced

_NEW = NumpyVersion(numpy.__version__) >= "2.0.0"
_arrayprint = importlib.import_module(  # private, so that it moves about
    "numpy._core.arrayprint" if _NEW else "numpy.core.arrayprint")

# NumPy 2 prints large numbers and the shapes of large arrays otherwise, but for this
_LEGACY: Any = "1.21" if NumpyVersion(numpy.__version__) >= "1.22.0" else False
_OF_2017 = (113, "1.13")  # as its parts call that option, and did before NumPy 1.22
_DEFAULTS: Any = dict(precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False,
                      nanstr="nan", infstr="inf", formatter=None, sign="-", floatmode="maxprec",
                      legacy=_LEGACY)


@block
def printing_of_2019(**options: Any) -> Changes:
    """NumPy 1.16's way to print inside the block, whatever a caller has set.

    Afterwards it is as before, but that a function which someone gave to NumPy 1's
    `set_string_function`, which keeps it to itself, is gone.
    """
    if not _NEW:
        cast(Any, numpy).set_string_function(None, repr=False)
    yield from _set_options(**dict(_DEFAULTS, **options))


def _set_options(**options: Any) -> Changes:
    variable = getattr(_arrayprint, "format_options", None)  # NumPy 2.2 and later: of a context
    if variable is None:
        yield functools.partial(numpy.set_printoptions, **numpy.get_printoptions())
        numpy.set_printoptions(**options)
        return
    # Changed in place, as a block may be left in another context, and contexts be copied inside it
    ours, inside = variable.get(), copy_context()
    before = dict(ours)
    inside.run(numpy.set_printoptions, **options)
    token: Token[Any] | None = None

    def undo() -> None:
        ours.update(before)
        with contextlib.suppress(ValueError, RuntimeError):  # left elsewhere, or undone before
            if token is not None:
                variable.reset(token)  # where someone has set others inside

    yield undo
    token = variable.set(ours)
    ours.update(inside[variable])


@block
def printing_of_2017() -> Changes:
    """NumPy 1.13's way to print inside the block, which also tells MXNet's arrays.

    NumPy has that way still, but for two things: numbers of less than 64 bits went by way of
    float64, and blanks at a line's end, where no comma follows, did not count towards its width.
    """
    plain, extend = _arrayprint._array2string, _arrayprint._extendLine

    def array2string(a: numpy.ndarray, options: Any, *arguments: Any, **keywords: Any) -> str:
        of_then = options["legacy"] in _OF_2017
        return plain(_as_float64(a) if of_then else a, options, *arguments, **keywords)

    def extend_line(s: str, line: str, word: str, line_width: int, next_line_prefix: str,
                    legacy: Any) -> Any:
        stripped = line.rstrip()
        blanks = max(len(line) - len(stripped) - 1, 0) + len(word) - len(word.rstrip())
        uncounted = blanks if legacy in _OF_2017 and not stripped.endswith(",") else 0
        return extend(s, line, word, line_width + uncounted, next_line_prefix, legacy)

    yield from printing_of_2019(legacy="1.13")
    yield from replaced(_arrayprint, "_array2string", array2string)
    yield from replaced(_arrayprint, "_extendLine", extend_line)


def str_of_2019(array: numpy.ndarray) -> str:
    """An array's text by NumPy 1.16, whatever a caller, or another thread, has set."""
    return numpy.array2string(
        array, max_line_width=75, precision=8, suppress_small=False, formatter={}, threshold=1000,
        edgeitems=3, sign="-", floatmode="maxprec", legacy=_LEGACY)


def str_of_2017(array: numpy.ndarray) -> str:
    """An array's text by NumPy 1.13."""
    return numpy.array2string(_as_float64(array), legacy="1.13")


def _as_float64(array: numpy.ndarray) -> numpy.ndarray:
    small = array.dtype.kind == "f" and array.dtype.itemsize < 8
    return array.astype("float64") if small else array
