"""Files that are written whole or not at all, and read back only as they were written.

A file of ours has three parts: a line with its kind, as `d2l_linreg TrainResult 1`; a line with
the sha256 of all that follows, in hexadecimal; and a NumPy .npz archive, in which the array
`text` holds all that is no array, as JSON. Nothing in it is pickled, so that reading a file
runs nothing; and any damage, wherever it is, shows in the sum.
"""
import contextlib
import hashlib
import io
import json
import os
import tempfile
from typing import Any

from ..errors import ArgumentError, DataError

VERSION = 1


def check_writable(what: str, path: Any) -> None:
    """See that `write_whole` can put a file there.

    Parameters
    ----------
    what : str
        How an error's message begins, with the path.
    path : str

    Raises
    ------
    ArgumentError
        If it cannot.
    """
    try:
        folder, name = os.path.split(_replaced(path))
        # By another name than `write_whole` uses, as another process may be writing.
        tempfile.NamedTemporaryFile(prefix=name, dir=folder).close()
    except (OSError, TypeError, ValueError) as error:
        raise ArgumentError(
            f"{what} cannot be written: {error}; name a file in a folder that is there") from error


def write_whole(path: Any, content: str | bytes) -> None:
    """Put a file in place in one step, so that `path` is always whole: the old or the new.

    Parameters
    ----------
    path : str
        Through a link, the file it leads to is replaced.
    content : str or bytes
        Text goes in UTF-8.

    Raises
    ------
    OSError
        If it cannot be written, with the file's name; then what was there is still there.
    """
    path = _replaced(path)
    unfinished = path + ".part"
    try:
        with open(unfinished, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        if isinstance(error, OSError) and error.filename is None:  # a write does not tell
            error.filename = path
        raise


def _replaced(path: Any) -> str:
    """The file, there or not, that `path` leads to; a FileExistsError if it is no file."""
    path = os.path.realpath(os.fsdecode(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileExistsError(f"{path!r} is a folder, a device or a pipe")
    return path


def save(path: Any, kind: str, arrays: dict[str, Any], text: dict[str, Any]) -> None:
    """Write a file of ours.

    Parameters
    ----------
    path : str
    kind : str
        What it holds, in a word.
    arrays : dict of str to numpy.ndarray
    text : dict
        All else, as JSON can hold it.

    Raises
    ------
    OSError
        If it cannot be written; then what was there is still there.
    """
    import numpy

    buffer = io.BytesIO()
    numpy.savez(buffer, text=numpy.array(json.dumps(text)), **arrays)
    archive = buffer.getvalue()
    head = f"{_first_line(kind)}\n{hashlib.sha256(archive).hexdigest()}\n"
    write_whole(path, head.encode() + archive)


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
