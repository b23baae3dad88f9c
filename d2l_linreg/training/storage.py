"""Files of ours, read back only as they were written.

A file of ours has three parts: a line with its kind, as `d2l_linreg TrainResult 1`; a line with
the sha256 of all that follows, in hexadecimal; and a NumPy .npz archive, in which the array
`text` holds all that is no array, as JSON. Nothing in it is pickled, so that reading a file
runs nothing; and any damage, wherever it is, shows in the sum.
"""
import hashlib
import io
import json
import os
from typing import Any

from ..errors import DataError
from ..files import write_whole

VERSION = 1


def packed(kind: str, arrays: dict[str, Any], text: dict[str, Any]) -> bytes:
    """The content of a file of ours.

    Parameters
    ----------
    kind : str
        What it holds, in a word.
    arrays : dict of str to numpy.ndarray
    text : dict
        All else, as JSON can hold it.
    """
    import numpy

    buffer = io.BytesIO()
    numpy.savez(buffer, text=numpy.array(json.dumps(text)), **arrays)
    archive = buffer.getvalue()
    head = f"{_first_line(kind)}\n{hashlib.sha256(archive).hexdigest()}\n"
    return head.encode() + archive


def save(path: Any, kind: str, arrays: dict[str, Any], text: dict[str, Any]) -> None:
    """Write a file that holds what `packed` takes; see `files.write_whole`."""
    write_whole(path, packed(kind, arrays, text))


def load(path: Any, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a file that `save` wrote.

    Parameters
    ----------
    path : str
    kind : str

    Returns
    -------
    arrays : dict of str to numpy.ndarray
    text : dict

    Raises
    ------
    DataError
        If it cannot be read, is no such file, or is not as it was written.
    """
    first_line = (_first_line(kind) + "\n").encode()
    try:
        with open(os.fspath(path), "rb") as file:
            # Of a file that is not ours no more is read: it may have no end.
            rest = file.read() if file.read(len(first_line)) == first_line else None
    except (OSError, TypeError, ValueError) as error:  # not there, no name, a NUL in it
        raise DataError(f"{path!r} cannot be read: {error}") from error
    if rest is None:
        raise DataError(f"{path!r} does not begin with {_first_line(kind)!r}; give a file that "
                        "this version wrote")
    sum_, _, archive = rest.partition(b"\n")
    if hashlib.sha256(archive).hexdigest().encode() != sum_:
        raise DataError(f"{path!r} is damaged: its content does not have the sha256 it was written "
                        "with; use a copy, or make it again")
    import numpy

    with numpy.load(io.BytesIO(archive), allow_pickle=False) as members:
        arrays = dict(members)
    return arrays, json.loads(arrays.pop("text").item())


def _first_line(kind: str) -> str:
    return f"d2l_linreg {kind} {VERSION}"
