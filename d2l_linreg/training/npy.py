"""Arrays that stay in .npy files: read a stretch at a time, as long as the file does not change.

A mapping would be shorter, but a process that touches one of a file that was cut off is killed,
without a message; and one that was written over gives other numbers, likewise without.
"""
import ast
import contextlib
import io
import math
import os
import reprlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any

import numpy

from ..errors import DataError

LONGEST = 2**16 + 10  # bytes of a header; NumPy itself reads none of more than 10,000
READ_HEADER = {  # of each version; 3.0 is 2.0 with columns' names in UTF-8, and numbers have none
    (1, 0): numpy.lib.format.read_array_header_1_0,
    (2, 0): numpy.lib.format.read_array_header_2_0,
    (3, 0): numpy.lib.format.read_array_header_2_0,
}


@contextlib.contextmanager
def open_file(path: Any) -> Iterator[io.BufferedReader]:
    """Open a file to read; an OSError, and at once, if it is a folder, a pipe or a device."""
    without_waiting = getattr(os, "O_NONBLOCK", 0)  # as opening a pipe would; Windows has none
    with open(path, "rb", opener=lambda path, flags: os.open(
            path, flags | without_waiting)) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(f"it is a {'pipe' if stat.S_ISFIFO(mode) else 'device'}")
        yield file


def read_header(file: IO[bytes]) -> tuple[numpy.dtype, tuple[int, ...], bool, int]:
    """Read what kind of array an .npy file holds, and not the array.

    Parameters
    ----------
    file : binary file
        From its beginning.

    Returns
    -------
    dtype : numpy.dtype
    shape : tuple of int
    fortran_order : bool
    offset : int
        Where the array begins.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    head = io.BytesIO(file.read(LONGEST))
    first = head.getvalue()[:6]
    if first != b"\x93NUMPY":
        raise ValueError("it is empty" if not first else "it is an .npz archive, or another zip"
                         if first.startswith(b"PK") else "it does not begin as such a file does")
    try:
        version = numpy.lib.format.read_magic(head)
        shape, fortran_order, dtype = READ_HEADER[version](head)
        if version == (3, 0):  # 2.0's reader mends what Python 2 wrote, and takes any bytes
            ast.literal_eval(head.getvalue()[12:head.tell()].decode())
    except Exception as error:  # whatever NumPy's and Python's parsers say of any bytes
        raise ValueError(f"it has no header of such a file: {repr(error):.300}") from error
    if min(shape, default=0) < 0 or bool in map(type, shape):
        raise ValueError(f"its shape is {shape}")
    return dtype, shape, fortran_order, head.tell()


@dataclass(frozen=True, eq=False)
class NpyFile:
    """Rows of an array in a file: `numpy.asarray` reads them, and a slice is again such rows.

    The file is opened each time, so that it may be replaced by its like, and nothing is left
    open.

    Attributes
    ----------
    name : str
        Which of `train`'s arguments named the file, for errors.
    path : str
        Absolute.
    state : tuple of int
        The file's size, and when it was changed, in nanoseconds, as it was first opened.
    offset : int
        Where in it the array begins.
    dtype : numpy.dtype
    fortran_order : bool
        Whether it holds column after column.
    num_rows : int
        Of the whole array.
    row_shape : tuple of int
    rows : range
        Which rows of the array these are.
    """

    name: str
    path: str
    state: tuple[int, int]
    offset: int
    dtype: numpy.dtype
    fortran_order: bool
    num_rows: int
    row_shape: tuple[int, ...]
    rows: range

    @classmethod
    def open(cls, name: str, path: Any) -> "NpyFile":
        """Open a file that holds real numbers, at least one.

        Raises
        ------
        DataError
            If it does not, or is shorter than its own header says.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise DataError(f"{name} is {reprlib.repr(path)}, of type {type(path).__name__}; give "
                            "the name of an .npy file, as a str")
        try:
            with open_file(path) as file:
                state = _state(file)
                dtype, shape, fortran_order, offset = read_header(file)
        except (OSError, ValueError) as error:  # a ValueError if there is a NUL in the name
            raise DataError(f"{name} is {path!r}, which cannot be read as an .npy file: {error}; "
                            "give one that numpy.save wrote") from error
        if dtype.kind not in "fiub":
            raise DataError(f"{name} holds {dtype}; give real numbers")
        if not shape or 0 in shape:
            raise DataError(f"{name} is {'empty' if shape else 'one number'}, of shape {shape}; "
                            "give at least one example with at least one feature")
        size = offset + math.prod(shape) * dtype.itemsize
        if state[0] < size:
            raise DataError(f"{name} is {path!r}, which was cut off: it has {state[0]} bytes, but "
                            f"its header promises {size}; write it again")
        return cls(name, os.path.abspath(path), state, offset, dtype, fortran_order, shape[0],
                   shape[1:], range(shape[0]))

    @property
    def shape(self) -> tuple[int, ...]:
        """As an array has it."""
        return (len(self.rows), *self.row_shape)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: Any) -> Any:
        """Of a slice these rows, not yet read; of a number that row, read."""
        rows = self.rows[which]
        if isinstance(rows, range):
            return replace(self, rows=rows)
        return numpy.asarray(replace(self, rows=range(rows, rows + 1)))[0]

    def __array__(self, dtype: Any = None, copy: Any = None) -> numpy.ndarray:
        """Read the rows; a DataError if the file is not as it was when it was first opened."""
        try:
            with open_file(self.path) as file:
                array = self._read(file)
                if _state(file) != self.state:  # after reading, so that no change is missed
                    raise OSError("its size, or the time of its last change, is another")
        except OSError as error:
            raise DataError(
                f"{self.name} is {self.path!r}, which changed while it was trained from: {error}; "
                "put it back as it was, and train again, from the checkpoint if you keep one"
            ) from error
        return array if dtype is None else array.astype(dtype, copy=False)

    def _read(self, file: io.BufferedReader) -> numpy.ndarray:
        width = math.prod(self.row_shape)
        columns, width = (width, 1) if self.fortran_order else (1, width)
        array = numpy.empty((columns, len(self.rows), width), self.dtype)
        # Rows that lie together are read at once
        pieces = ([(0, self.rows)] if self.rows.step == 1 else
                  [(at, range(row, row + 1)) for at, row in enumerate(self.rows)])
        for column, numbers in enumerate(array):
            for at, rows in pieces:
                start = (column * self.num_rows + rows.start) * width
                file.seek(self.offset + start * self.dtype.itemsize)
                into = numbers[at:at + len(rows)].reshape(-1).view("uint8")
                if file.readinto(into) < into.size:
                    raise OSError("it is shorter now")
        if self.fortran_order:
            return array[:, :, 0].T.reshape(self.shape, order="F")
        return array.reshape(self.shape)


def _state(file: IO[bytes]) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns
