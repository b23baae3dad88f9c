"""How each notebook trains, as data, and the reading of what someone sets instead."""
import math
import numbers
import operator
from dataclasses import dataclass, replace
from typing import Optional

import numpy

from . import published

SMALLEST = float(numpy.finfo("float32").tiny)
TRUE_W, TRUE_B = (2, -3.4), 4.2  # both notebooks'


@dataclass(frozen=True)
class Settings:
    """How to train. `shuffle_seed` is None where the order is given or recovered."""

    learning_rate: float
    num_epochs: int
    batch_size: int
    shuffle_seed: Optional[int] = None


@dataclass(frozen=True)
class Notebook:
    """What a notebook fixes.

    Attributes
    ----------
    name : str
    settings : Settings
    num_examples : int
        Of its own data.
    seed : int
        Where its stream of random numbers starts.
    shuffles_once : bool
        Whether all epochs share one order of the examples.
    hessian : int
        Of the loss by each parameter, where features are standard normal.
    """

    name: str
    settings: Settings
    num_examples: int
    seed: int
    shuffles_once: bool
    hessian: int


NOTEBOOKS = {
    "d2l": Notebook("d2l", Settings(learning_rate=0.03, num_epochs=3, batch_size=10),
                    num_examples=1000, seed=0, shuffles_once=False, hessian=1),
    "straight_dope": Notebook("straight_dope",
                              Settings(learning_rate=0.001, num_epochs=2, batch_size=4),
                              num_examples=10000, seed=1, shuffles_once=True, hessian=2),
}


def known(notebook):
    """The notebook of this name; a ValueError, with the names there are, if it is none."""
    return NOTEBOOKS[published.known(notebook)]


def chosen(settings, learning_rate, num_epochs, batch_size, shuffle_seed):
    """`settings`, with those replaced that are not None; a ValueError if one cannot be."""
    given = {}
    if learning_rate is not None:
        given["learning_rate"] = _as_learning_rate(learning_rate)
    for name, value, lowest in (("num_epochs", num_epochs, 1), ("batch_size", batch_size, 1),
                                ("shuffle_seed", shuffle_seed, 0)):
        if value is not None:
            given[name] = as_integer(name, value, lowest)
    return replace(settings, **given)


def _as_learning_rate(value):
    try:
        number = float(value) if isinstance(value, numbers.Real) else math.nan
    except OverflowError:
        number = math.inf
    if isinstance(value, bool) or not SMALLEST <= number < math.inf:
        raise ValueError("learning_rate is {!r}; it must be a finite number above 0 (at least "
                         "{:.2g}, float32's smallest)".format(value, SMALLEST))
    return number


def check_batches(batch_size, features, labels, order):
    """A ValueError if examples cannot be dealt into batches of that size, in that order."""
    as_integer("batch_size", batch_size, 1)
    if len(features) != len(labels):
        raise ValueError("labels has {} rows, but features {}; give one label a row".format(
            len(labels), len(features)))
    if order is not None:
        rows = numpy.asarray(order)
        if rows.dtype.kind not in "iu" or rows.ndim != 1 or not (
                (rows >= 0) & (rows < len(features))).all():
            raise ValueError("order is of shape {} and type {}; it must be integers, in one "
                             "dimension, from 0 to {}, the last row".format(
                                 rows.shape, rows.dtype, len(features) - 1))


def as_integer(name, value, lowest):
    """`value` as an int from `lowest` to 2**32 - 1; a ValueError, with its name, if it is none."""
    try:
        integer = None if isinstance(value, (bool, numpy.bool_)) else operator.index(value)
    except TypeError:
        integer = None
    if integer is None or not lowest <= integer < 2**32:
        raise ValueError("{} is {!r}; it must be an integer from {} to {}"
                         .format(name, value, lowest, 2**32 - 1))
    return integer
