"""How NumPy prints arrays: today, and in 2017; inside a block, and afterwards as before."""
import contextlib

import numpy

_DEFAULTS = dict(precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False,
                 nanstr="nan", infstr="inf", formatter=None, sign="-", floatmode="maxprec",
                 legacy=False)

_string_function = None  # what was set here last; NumPy does not tell what anyone else set


@contextlib.contextmanager
def _printing(string_function, **options):
    global _string_function
    previous, _string_function = _string_function, string_function
    numpy.set_string_function(string_function, repr=False)
    try:
        with numpy.printoptions(**dict(_DEFAULTS, **options)):
            yield
    finally:
        _string_function = previous
        numpy.set_string_function(previous, repr=False)


def default_printing():
    """NumPy's own way to print inside the block, whatever a caller has set."""
    return _printing(None)


def printing_of_2017():
    """The way of NumPy before 1.14 inside the block, which also tells MXNet's arrays."""
    return _printing(_str_of_2017, legacy="1.13")


def _str_of_2017(array):
    # NumPy before 1.14 went by way of float64.
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        array = array.astype("float64")
    return numpy.array_str(array)
