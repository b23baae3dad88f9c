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


def as_truth(w: Any, b: Any, num_examples: Any) -> tuple[Any, Any, int]:
    """Read true parameters, and how many examples are to be drawn from them.

    Parameters
    ----------
    w : array_like of float, shape (num_features,) or (num_features, num_outputs)
    b : float or array_like, shape () or (num_outputs,)
    num_examples : int

    Returns
    -------
    w, b : numpy.ndarray of float32
    num_examples : int

    Raises
    ------
    ArgumentError
        If an argument is not as above.
    """
    num_examples = as_integer("num_examples", num_examples, 1)
    w, b = as_float32("w", w), as_float32("b", b)
    if w.ndim not in (1, 2) or w.size == 0:
        raise ArgumentError(f"w is of shape {w.shape}; it must be (num_features,) or "
                            "(num_features, num_outputs), with at least one of each")
    shape = (num_examples, *w.shape[1:])
    if b.size != 1 and b.shape != w.shape[1:] or b.ndim > len(shape):
        raise ArgumentError(f"b is of shape {b.shape}, which would make labels of shape {shape} "
                            "others; give one number, or one for each column of w")
    return w, b, num_examples


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


def _each(arrays: Any) -> list[Any]:
    """The arrays that someone gives an iterator: none, one, or a list or dict of them."""
    if isinstance(arrays, dict):
        return list(arrays.values())
    return arrays if isinstance(arrays, list) else [] if arrays is None else [arrays]


def check_iterator(data: Any, label: Any, batch_size: Any, last_batch_handle: Any,
                   order: Sequence[int] | None) -> int:
    """See that an iterator can deal examples into batches, in that order.

    Parameters
    ----------
    data, label : array, list or dict of such, or None
    batch_size : int
    last_batch_handle : {"pad", "discard", "roll_over"}
    order : sequence of int, optional

    Returns
    -------
    int
        How many examples there are.

    Raises
    ------
    ArgumentError
        If an argument is not as above.
    """
    one_of("last_batch_handle", last_batch_handle, ("pad", "discard", "roll_over"))
    arrays = [*_each(data), *_each(label)]
    for array in arrays:
        check_batches(batch_size, arrays[0], array, order)
    num_examples = len(arrays[0]) if arrays else 0
    if batch_size > num_examples:
        raise ArgumentError(f"batch_size is {batch_size}, but there are {num_examples} "
                            "examples; a batch needs as many")
    return num_examples
