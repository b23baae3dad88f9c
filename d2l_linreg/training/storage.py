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

import numpy

from ..errors import DataError

VERSION = 1


def check_writable(path):
    """See that `write_whole` can put a file there.

    Parameters
    ----------
    path : str

    Raises
    ------
    ValueError
        If it cannot; the message goes on after the path's name.
    """
    try:
        folder, name = os.path.split(_replaced(path))
        # By another name than `write_whole` uses, as another process may be writing.
        tempfile.NamedTemporaryFile(prefix=name, dir=folder).close()
    except (OSError, TypeError, ValueError) as error:
        raise ValueError("cannot be written: {}; name a file in a folder that is there".format(
            error)) from error


def write_whole(path, content):
    """Put a file in place in one step, so that `path` is always whole: the old or the new.

    Parameters
    ----------
    path : str
        Through a link, the file it leads to is replaced.
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written; then what was there is still there.
    """
    path = _replaced(path)
    unfinished = path + ".part"
    try:
        with open(unfinished, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(unfinished)
        raise


def _replaced(path):
    """The file, there or not, that `path` leads to; a FileExistsError if it is no file."""
    path = os.path.realpath(os.fsdecode(path))
    if os.path.exists(path) and not os.path.isfile(path):
        raise FileExistsError("{!r} is a folder, a device or a pipe".format(path))
    return path


def save(path, kind, arrays, text):
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
    archive = io.BytesIO()
    numpy.savez(archive, text=numpy.array(json.dumps(text)), **arrays)
    archive = archive.getvalue()
    head = "{}\n{}\n".format(_first_line(kind), hashlib.sha256(archive).hexdigest())
    write_whole(path, head.encode() + archive)


def load(path, kind):
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
        raise DataError("{!r} cannot be read: {}".format(path, error)) from error
    if rest is None:
        raise DataError("{!r} does not begin with {!r}; give a file that this version wrote".format(
            path, _first_line(kind)))
    sum_, _, archive = rest.partition(b"\n")
    if hashlib.sha256(archive).hexdigest().encode() != sum_:
        raise DataError("{!r} is damaged: its content does not have the sha256 it was written "
                        "with; use a copy, or make it again".format(path))
    with numpy.load(io.BytesIO(archive), allow_pickle=False) as members:
        arrays = dict(members)
    return arrays, json.loads(arrays.pop("text").item())


def _first_line(kind):
    return "d2l_linreg {} {}".format(kind, VERSION)
