"""Files of ours, read back only as they were written.

A file of ours has three parts: a line with its kind, as `d2l_linreg TrainResult 1`; a line with
the sha256 of all that follows, in hexadecimal; and a NumPy .npz archive, in which the array
`text` holds all that is no array, as JSON. Nothing in it is pickled, so that reading a file
runs nothing; and any damage, wherever it is, shows in the sum. Whoever writes a sum can write
anything below it; so what is read is held against the kind's `schema`, too.
"""
import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Collection
from typing import Any

import numpy

from ..errors import DataError
from ..files import write_whole
from .npy import open_file, read_header
from .schema import SCHEMAS

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
    buffer = io.BytesIO()
    numpy.savez(buffer, text=numpy.array(json.dumps(text)), **arrays)
    archive = buffer.getvalue()
    head = f"{_first_line(kind)}\n{hashlib.sha256(archive).hexdigest()}\n"
    return head.encode() + archive


def save(path: Any, kind: str, arrays: dict[str, Any], text: dict[str, Any]) -> None:
    """Write a file that holds what `packed` takes; see `files.write_whole`."""
    write_whole(path, packed(kind, arrays, text))


def load(path: Any, kind: str) -> dict[str, Any]:
    """Read a file that `save` wrote.

    Parameters
    ----------
    path : str
    kind : {"TrainResult", "checkpoint"}

    Returns
    -------
    dict
        The arrays and all else by their names; None for what is not there.

    Raises
    ------
    DataError
        If it cannot be read, is no such file, is not as it was written, or was written with
        anything else in it.
    """
    first_line = (_first_line(kind) + "\n").encode()
    try:
        with open_file(os.fspath(path)) as file:
            # Of a file that is not ours no more is read: it may have no end.
            rest = file.read() if file.read(len(first_line)) == first_line else None
    except (OSError, TypeError, ValueError, MemoryError) as error:  # not there, a NUL in its name
        raise DataError(f"{path!r} cannot be read: {error}") from error
    if rest is None:
        raise DataError(f"{path!r} does not begin with {_first_line(kind)!r}; give a file that "
                        "this version wrote")
    sum_, _, archive = rest.partition(b"\n")
    if hashlib.sha256(archive).hexdigest().encode() != sum_:
        raise DataError(f"{path!r} is damaged: its content does not have the sha256 it was written "
                        "with; use a copy, or make it again")
    schema = SCHEMAS[kind]
    try:
        values = _members(archive, {"text", *schema.fields})
        values.update(json.loads(values.pop("text").item()))
    except Exception as error:  # whatever parsers say of any bytes, a RecursionError, too
        raise unfit(path, kind, f"{repr(error):.300}") from error
    wrong = schema.wrong(values)
    if wrong is not None:
        raise unfit(path, kind, wrong)
    return {**dict.fromkeys(schema.fields), **values}


def unfit(path: Any, kind: str, why: str) -> DataError:
    """The error of a file that is whole, but holds something else than its kind does."""
    return DataError(f"{path!r} does not hold what a {kind} does: {why}")


def _members(archive: bytes, names: Collection[str]) -> dict[str, Any]:
    """The arrays of an .npz archive: none is made before its size is seen to be in the bytes."""
    arrays: dict[str, Any] = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        for member in members.infolist():
            name = member.filename.removesuffix(".npy")
            if name not in names or name in arrays or member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"it has {member.filename!r}, twice or compressed or at all")
            with members.open(member) as file:
                dtype, shape, _, offset = read_header(file)
            if offset + math.prod(shape) * dtype.itemsize != member.file_size:
                raise ValueError(f"its {name} is not of the shape {shape} that it tells of")
            with members.open(member) as file:
                arrays[name] = numpy.lib.format.read_array(file, allow_pickle=False)
    return arrays


def _first_line(kind: str) -> str:
    return f"d2l_linreg {kind} {VERSION}"
