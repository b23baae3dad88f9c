"""Reading the examples that someone gives to train on."""
import hashlib
import os
from dataclasses import replace
from typing import Any

import numpy

from ..arguments import as_numpy
from ..errors import ArgumentError, DataError
from .columns import check_label_apart, from_table, is_table
from .npy import NpyFile

CHECKED = 2**14  # examples of a file that are checked at a time


Pair = tuple[Any, Any]  # features and labels: both NumPy's arrays, or both NpyFiles


def given_examples(data: Any, labels: Any) -> Pair | None:
    """Read the examples that `train` is given.

    Parameters
    ----------
    data : (array_like, array_like) or str or None
        Features and labels; or the name of a file of features.
    labels : str or None
        The name of the file of labels that goes with it.

    Returns
    -------
    features : numpy.ndarray or NpyFile, shape (num_examples, num_features)
        In memory as float32; in a file as it is there.
    labels : numpy.ndarray or NpyFile, shape (num_examples,)
        Likewise. None instead of both if none are given.

    Raises
    ------
    ArgumentError
        If the two arguments do not go together or, as a DataError, cannot be trained on.
    """
    if isinstance(data, (str, bytes, os.PathLike)):
        return open_examples(data, labels)
    if labels is not None:
        raise ArgumentError(f"labels is {labels!r}; it goes with data from a file, else give "
                            "data=(features, labels)")
    return None if data is None else as_examples(data)


def as_array(name: str, values: Any) -> numpy.ndarray:
    """Read real numbers as a NumPy array; a DataError, with their name, if they are not."""
    if issubclass(type(values), numpy.ma.MaskedArray) and numpy.ma.is_masked(values):
        raise DataError(f"{name} has masked values; leave those examples out")
    array = as_numpy(name, values, DataError)
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name} holds {array.dtype}; give real numbers")
    return array


def _as_numbers(name: str, values: Any) -> numpy.ndarray:
    return from_table(name, values) if is_table(values) else as_array(name, values)


def _as_float32(name: str, array: numpy.ndarray) -> numpy.ndarray:
    if array.size == 0:
        raise DataError(f"{name} is empty, of shape {array.shape}; give at least one example with "
                        "at least one feature")
    if not numpy.isfinite(array).all():
        raise DataError(f"{name} holds values that are NaN or infinite, "
                        f"{(~numpy.isfinite(array)).sum()} in all; leave those examples out")
    with numpy.errstate(over="ignore"):
        converted = numpy.ascontiguousarray(array, dtype="float32")
    if not numpy.isfinite(converted).all():
        raise DataError(f"{name} reaches {abs(array).max():g}, beyond float32's range; rescale it")
    return converted


def as_features(name: str, values: Any) -> numpy.ndarray:
    """Read features, checking them.

    Parameters
    ----------
    name : str
        What to call them in an error.
    values : array_like, shape (num_examples, num_features)
        NumPy, `mx.np` or `mx.nd` array, of integers or floats; or a table with named columns.

    Returns
    -------
    numpy.ndarray, shape (num_examples, num_features), float32

    Raises
    ------
    DataError
        If they are not numbers, not 2-D, empty, or not finite in float32.
    """
    array = _as_numbers(name, values)
    if array.ndim != 2:
        raise DataError(f"{name} has shape {array.shape}; give two dimensions, (num_examples, "
                        "num_features)")
    return _as_float32(name, array)


def open_examples(data: Any, labels: Any) -> tuple[NpyFile, NpyFile]:
    """Open files of features and labels without reading them into memory.

    Parameters
    ----------
    data, labels : str
        Names of .npy files, of shapes (num_examples, num_features) and (num_examples,).

    Returns
    -------
    features, labels : NpyFile
        As they are in the files; labels of shape (num_examples,).

    Raises
    ------
    DataError
        If a file cannot be read, or is not of such a shape.
    """
    features, column = NpyFile.open("data", data), NpyFile.open("labels", labels)
    if len(features.shape) != 2 or column.shape not in ((len(features),), (len(features), 1)):
        raise DataError(f"data has shape {features.shape} and labels {column.shape}; give "
                        "(num_examples, num_features) and (num_examples,)")
    return features, replace(column, row_shape=())


def check_examples(features: Any, labels: Any) -> None:
    """Read opened files in blocks; a DataError if one cannot be trained on."""
    for start in range(0, len(features), CHECKED):
        as_features("data", features[start:start + CHECKED])
        _as_float32("labels", as_array("labels", labels[start:start + CHECKED]))


def as_examples(data: Any) -> Pair:
    """Read a pair of features and labels, checking both.

    Parameters
    ----------
    data : (array_like, array_like)
        Features, shape (num_examples, num_features), and labels, shape (num_examples,) or
        (num_examples, 1).

    Returns
    -------
    features : numpy.ndarray, shape (num_examples, num_features), float32
    labels : numpy.ndarray, shape (num_examples,), float32

    Raises
    ------
    DataError
        If either cannot be trained on, or their lengths differ.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DataError(f"data is a {type(data).__name__}; give a pair, (features, labels)")
    features = as_features("features", data[0])
    labels = _as_numbers("labels", data[1])
    if labels.shape not in ((len(features),), (len(features), 1)):
        raise DataError(f"labels has shape {labels.shape}, but there are {len(features)} rows of "
                        "features; give one label a row")
    check_label_apart(data[0], data[1])
    return features, _as_float32("labels", labels.reshape(-1))


def fingerprint(*arrays: numpy.ndarray | NpyFile) -> str:
    """The sha256 of arrays: their shapes, types and bytes; files are read in blocks."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        for start in range(0, len(array), CHECKED):
            digest.update(numpy.ascontiguousarray(array[start:start + CHECKED]).data)
    return digest.hexdigest()
