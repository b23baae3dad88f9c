"""Tables in files, with named columns: read as they are, or refused.

Nothing is guessed: a column is of numbers, or of true and false, which are 1 and 0; whatever else
is in it is refused with its column, its place, and what to do. Whole numbers stay what they are or
are refused; others are rounded to float32, as training does.
"""
import csv
import re
from array import array
from collections.abc import Iterator
from typing import Any, TextIO

import numpy

from ..arguments import SMALLEST
from ..errors import DataError
from .columns import (
    Columns,
    check_apart,
    check_held,
    check_names,
    missing_at,
    shown,
    table_numbers,
)

EXACT = 2**24  # up to here float32 holds each whole number

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
WHOLE = re.compile(r"[+-]?\d+")
TRUTHS = {"True": 1, "TRUE": 1, "true": 1, "False": 0, "FALSE": 0, "false": 0}
MISSING = {"", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nil", "-", "?"}
REMEDIES = {
    r"[+-]?inf(inity)?": "leave out rows that are infinite",
    r"[+-]?\d{1,3}([ ,.'’_\u00a0\u202f]\d{3})+([.,]\d*)?|[+-]?\d*,\d+":
        "write numbers without thousands separators, and with a decimal point",
    "true|false": "write a column in numbers, or all of it in True and False",
    ".*": "write numbers; text and dates have to be made numbers, or the column left out"}


def table(path: str, label: str) -> tuple[Any, Any]:
    """Read a table in a file.

    Parameters
    ----------
    path : str
        Of a .csv file: UTF-8, fields between commas, the names of its columns in the first line;
        or of a .parquet file, which pandas reads.
    label : str
        Its column of labels; all others are features.

    Returns
    -------
    features : Columns
    labels : numpy.ndarray, float32

    Raises
    ------
    DataError
        If it cannot be read, has no such column, or holds what is no number.
    ImportError
        If what reads .parquet is not installed.
    """
    try:
        if path.lower().endswith(".parquet"):
            names, numbers = _parquet(path, label)
        else:
            label = label.strip()
            with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                names, numbers = _read(file, label)
        if not len(numbers):
            raise DataError("it has names of columns, but no rows; give at least one example")
    except (OSError, ValueError) as error:  # ValueError: a \0 in its name
        raise DataError(f"--data is {path!r}: {error}") from error
    at = names.index(label)
    return (Columns([name for name in names if name != label], numpy.delete(numbers, at, axis=1)),
            numbers[:, at].copy())


def _parquet(path: str, label: str) -> tuple[list[str], numpy.ndarray]:
    """The names of a table's columns, and its numbers."""
    try:
        import pandas
        import pyarrow  # noqa: F401  which pandas would call for by its own name
    except ImportError as error:
        raise ImportError(f"{error}; .parquet needs the extra tables: pip install "
                          "'.[tables]'") from error
    with open(path, "rb") as file:  # so that it is a file, whatever its name
        try:
            frame = pandas.read_parquet(file, engine="pyarrow")
        except MemoryError:  # no fault of the file
            raise
        except Exception as error:  # whatever both say of any bytes
            raise DataError(f"it is no .parquet file: {repr(error):.300}") from error
    names = list(frame.columns)
    _check_label(names, label)
    return names, table_numbers(frame)


def _read(file: TextIO, label: str) -> tuple[list[str], numpy.ndarray]:
    """The names of a table's columns, and its numbers."""
    rows = _rows(file)
    first, header = next(rows, (0, []))
    names = [name.strip() for name in header]
    if not names:
        raise DataError("it is empty; its first line must name the columns")
    if any("\0" <= character < "\t" or "\ud800" <= character <= "\udfff"
           for name in names for character in name):
        raise _no_text(first)
    _check_label(names, label)
    numbers, missing = array("f"), []
    true_or_false: list[bool] = []
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(f"line {line} has {len(row)} fields, but line {first} names "
                            f"{len(names)} columns; give each row as many (row names have no place "
                            "here, nor have commas within a number)")
        true_or_false = true_or_false or [field in TRUTHS for field in row]
        for name, as_truth, field in zip(names, true_or_false, row, strict=True):
            try:
                numbers.append(TRUTHS[field] if as_truth else _number(field))
            except (KeyError, ValueError) as error:
                if field.strip().lower() in MISSING:
                    missing.append(f"column {name!r}, line {line}")
                    continue
                remedy = (error if isinstance(error, ValueError)
                          else "it begins with True or False; write all of the column so")
                raise DataError(f"column {name!r} holds {shown(field)} on line {line}; "
                                f"{remedy}") from None
    if missing:
        raise DataError(missing_at(missing))
    return names, numpy.frombuffer(numbers, "float32").reshape(-1, len(names))


def _check_label(names: list[str], label: str) -> None:
    """See that one of a table's columns is the label, and that there are others, by their names."""
    if label not in names:
        separator = re.search("[;\t|]", names[0]) if len(names) == 1 else None
        raise DataError(f"--label is {label!r}; the columns are {', '.join(map(repr, names))}"
                        + (f"; put commas between them, not {separator[0]!r}" if separator else ""))
    check_names(names)
    others = [name for name in names if name != label]
    if not others:
        raise DataError(f"its only column is {label!r}, the label; give one feature at least")
    check_apart(others, label)


def _rows(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """The rows of a table that are not blank, each with the number of the line it begins on."""
    reader = csv.reader(file, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:  # a quote that is not closed, for one
            if "NUL" in str(error):  # of which Python 3.10 reads none
                raise _no_text(line) from error
            raise DataError(f"line {line} is no row of a .csv file: {error}; put quotes around "
                            "whole fields, or none") from error
        if row:
            yield line, row


def _no_text(line: int) -> DataError:
    return DataError(f"line {line} is not text in UTF-8; save the table as CSV in UTF-8, not "
                     "compressed, and not as a spreadsheet")


def _number(text: str) -> float:
    """The number that a field holds; a ValueError, with the remedy, if float32 cannot."""
    text = text.strip(" ")
    if not NUMBER.fullmatch(text):
        raise ValueError(next(remedy for pattern, remedy in REMEDIES.items()
                              if re.fullmatch(pattern, text, re.DOTALL | re.IGNORECASE)))
    number = float(text)
    if not SMALLEST <= abs(number) <= EXACT and text.lower().partition("e")[0].strip("+-0."):
        check_held(number, int(text) if WHOLE.fullmatch(text) and abs(number) < 1e39 else None)
    return number
