"""Numbers and batches that a caller gives, read with errors that name them."""
import math
import numbers
import operator
from collections.abc import Collection, Sequence, Sized
from typing import Any

from .errors import ArgumentError

SMALLEST = 2.0**-126  # of float32's normal numbers


def one_of(name: str, value: Any, choices: Collection[str]) -> str:
    """Read a choice.

    Parameters
    ----------
    name : str
        What to call it in an error.
    value : str
    choices : collection of str
        What it may be.

    Returns
    -------
    str

    Raises
    ------
    ArgumentError
        If it is none of them.
    """
    if not (isinstance(value, str) and value in choices):
        raise ArgumentError(
            f"{name} is {value!r}; it must be one of {', '.join(map(repr, choices))}")
    return value


def as_integer(name: str, value: Any, lowest: int) -> int:
    """Read an integer.

    Parameters
    ----------
    name : str
        What to call it in an error.
    value : int
        Or whatever Python takes for one, but for a bool.
    lowest : int
        The smallest that is taken; the largest is 2**32 - 1.

    Returns
    -------
    int

    Raises
    ------
    ArgumentError
        If it is no integer in that range.
    """
    try:
        # A bool is no number here, NumPy's no more than Python's.
        boolean = isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"
        integer = None if boolean else operator.index(value)
    except TypeError:
        integer = None
    if integer is None or not lowest <= integer < 2**32:
        raise ArgumentError(
            f"{name} is {value!r}; it must be an integer from {lowest} to {2**32 - 1}")
    return integer


def as_learning_rate(value: Any) -> float:
    """Read a learning rate.

    Parameters
    ----------
    value : float
        Finite and above 0, in float32 too.

    Returns
    -------
    float

    Raises
    ------
    ArgumentError
        If it is not as above.
    """
    try:
        number = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        number = math.inf
    if isinstance(value, bool) or not SMALLEST <= number < math.inf:
        raise ArgumentError(f"learning_rate is {value!r}; it must be a finite number above 0 (at "
                            f"least {SMALLEST:.2g}, float32's smallest)")
    return number


def as_numpy(name: str, value: Any, kind: type[ArgumentError] = ArgumentError) -> Any:
    """Read an array of anyone's as NumPy's.

    Parameters
    ----------
    name : str
        What to call it in an error.
    value : array_like
        Of MXNet's arrays, too.
    kind : type, default ArgumentError
        Of the error.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    ArgumentError
        If it is no array, or reading it failed, whatever the error: its message is kept.
    """
    import numpy

    try:
        array = numpy.asarray(value.asnumpy() if hasattr(value, "asnumpy") else value)
        if array.dtype == object and array.size:
            _ask(array.flat[0])
    except MemoryError:  # no fault of what is given
        raise
    except Exception as error:
        raise kind(f"{name} cannot be read as an array, {type(error).__name__}: {error}; give real "
                   "numbers, in rows of one length") from error
    return array


def _ask(value: Any) -> None:
    """Raise what NumPy swallows where it asks a value for its length and its parts."""
    if hasattr(type(value), "__len__"):
        len(value)
        next(iter(value), None)


def as_float32(name: str, value: Any) -> Any:
    """Read numbers as an array of NumPy's.

    Parameters
    ----------
    name : str
        What to call them in an error.
    value : array_like
        Of MXNet's arrays, too.

    Returns
    -------
    numpy.ndarray of float32

    Raises
    ------
    ArgumentError
        If they are no real numbers that float32 can hold.
    """
    import numpy

    array = as_numpy(name, value)
    with numpy.errstate(over="ignore"):
        numbers = array.astype("float32") if array.dtype.kind in "fiu" else None
    if numbers is None or not numpy.isfinite(numbers).all():
        raise ArgumentError(f"{name} is {value!r}; it must be finite real numbers, in float32, too")
    return numbers


def check_batches(batch_size: Any, features: Sized, labels: Sized,
                  order: Sequence[int] | None) -> None:
    """See that examples can be dealt into batches of that size, in that order.

    Parameters
    ----------
    batch_size : int
    features, labels : array
        As many of the one as of the other.
    order : sequence of int, optional
        Rows, each of which is there.

    Raises
    ------
    ArgumentError
        If an argument is not as above.
    """
    as_integer("batch_size", batch_size, 1)
    if len(features) != len(labels):
        raise ArgumentError(f"labels has {len(labels)} rows, but features {len(features)}; give "
                            "one label a row")
    if order is not None:
        rows = as_numpy("order", order)
        if rows.dtype.kind not in "iu" or rows.ndim != 1 or not (
                (rows >= 0) & (rows < len(features))).all():
            raise ArgumentError(f"order is of shape {rows.shape} and type {rows.dtype}; it must be "
                                f"integers, in one dimension, from 0 to {len(features) - 1}, the "
                                "last row")
