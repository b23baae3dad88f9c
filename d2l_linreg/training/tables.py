"""Tables with named columns, as a .csv file or pandas has them: read as they are, or refused.

Nothing is guessed: a column is of numbers, or of true and false, which are 1 and 0; whatever else
is in it is refused with its column, its place, and what to do. Whole numbers stay what they are or
are refused; others are rounded to float32, as training does.
"""
import csv
import re
import sys
from array import array
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

import numpy

from ..errors import DataError

EXACT = 2**24  # up to here float32 holds each whole number
SMALLEST = 2.0**-126  # of float32's normal numbers
SHOWN = 40  # characters of a value, in an error

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


def table(path: str, label: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Read a table in a file.

    Parameters
    ----------
    path : str
        Of a .csv file: UTF-8, fields between commas, the names of its columns in the first line.
    label : str
        Its column of labels; all others are features.

    Returns
    -------
    features : numpy.ndarray, shape (num_examples, num_features), float32
    labels : numpy.ndarray, shape (num_examples,), float32

    Raises
    ------
    DataError
        If it cannot be read, has no such column, or holds what is no number.
    """
    label = label.strip()
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            names, numbers = _read(file, label)
    except (OSError, ValueError) as error:  # ValueError: a \0 in its name
        raise DataError(f"--data is {path!r}: {error}") from error
    at = names.index(label)
    return numpy.delete(numbers, at, axis=1), numbers[:, at].copy()


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
    if label not in names:
        separator = re.search("[;\t|]", names[0]) if len(names) == 1 else None
        raise DataError(f"--label is {label!r}; the columns are {', '.join(map(repr, names))}"
                        + (f"; put commas between them, not {separator[0]!r}" if separator else ""))
    _check_names(names)
    others = [name for name in names if name != label]
    if not others:
        raise DataError(f"its only column is {label!r}, the label; give one feature at least")
    _check_apart(others, label)

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
                raise DataError(f"column {name!r} holds {_shown(field)} on line {line}; "
                                f"{remedy}") from None
    if missing:
        raise DataError(_gaps(missing))
    if not numbers:
        raise DataError("it has names of columns, but no rows; give at least one example")
    return names, numpy.frombuffer(numbers, "float32").reshape(-1, len(names))


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
        _check_held(number, int(text) if WHOLE.fullmatch(text) and abs(number) < 1e39 else None)
    return number


def _check_held(number: float, whole: int | None) -> None:
    """See that float32 can hold a number, if it is whole to the last digit; a ValueError if not."""
    with numpy.errstate(over="ignore", under="ignore"):
        held = float(numpy.float32(number))
    if abs(held) == numpy.inf:
        raise ValueError("that is beyond float32's range; rescale the column, or leave the row out")
    if held == 0:
        raise ValueError("in float32 that is 0; rescale the column, or write 0")
    if whole is not None and int(held) != whole:
        raise ValueError(f"in float32 that is {int(held)}; rescale the column or leave it out, or, "
                         "if it may be rounded, make it decimal (.0, or astype(float))")


def is_pandas(values: Any) -> bool:
    """Whether values are a DataFrame or a Series."""
    pandas = sys.modules.get("pandas")  # if it is not there they are none
    return pandas is not None and issubclass(type(values), (pandas.DataFrame, pandas.Series))


def from_pandas(name: str, values: Any) -> numpy.ndarray:
    """Read a DataFrame or a Series.

    Parameters
    ----------
    name : str
        What to call it in an error.
    values : pandas.DataFrame or pandas.Series

    Returns
    -------
    numpy.ndarray, of the same shape, float32

    Raises
    ------
    DataError
        If two columns have one name, or one holds what is no number.
    """
    numbers = numpy.empty(values.shape, "float32")
    columns = numbers.T if values.ndim == 2 else [numbers]
    if not numbers.size:
        return numbers
    try:
        if values.ndim == 2:
            _check_names(values.columns)
        series = [values] if values.ndim == 1 else map(
            values.iloc.__getitem__, ((slice(None), at) for at in range(values.shape[1])))
        for column, held in zip(columns, series, strict=True):
            column[:] = _column(held)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    return numbers


def _column(column: Any) -> numpy.ndarray:
    """The numbers of a column of pandas's."""
    from pandas.api import types

    called = "it" if column.name is None else f"column {column.name!r}"
    gaps = column.isna().to_numpy(dtype=bool).nonzero()[0].tolist()
    if gaps:
        raise DataError(_gaps([f"{called}, row {row}" for row in gaps], ", counted from 0"))
    kinds = {"bool": types.is_bool_dtype, "float64": types.is_float_dtype,
             "uint64": types.is_unsigned_integer_dtype, "int64": types.is_integer_dtype}
    dtype = next((dtype for dtype, is_of in kinds.items() if is_of(column.dtype)), None)
    if dtype is None:
        row = next((row for row, value in enumerate(column)
                    if not isinstance(value, (bool, int, float))), 0)
        raise DataError(f"{called} is of type {column.dtype}, and holds {_shown(column.iloc[row])} "
                        f"in row {row}, counted from 0; make it numbers, as by astype(float), "
                        "pandas.to_numeric or pandas.get_dummies, or leave it out")
    exact = column.to_numpy(dtype=dtype)
    numbers = exact.astype("float64")
    with numpy.errstate(over="ignore", under="ignore"):
        held = numbers.astype("float32")
    doubtful = numpy.isinf(held) | (held == 0) & (numbers != 0)
    if dtype != "float64":
        doubtful |= (held != numbers) | (abs(held) >= 2**53)  # up to where float64 is exact
    for row in doubtful.nonzero()[0].tolist():
        try:
            _check_held(numbers[row], None if dtype == "float64" else int(exact[row]))
        except ValueError as error:
            raise DataError(f"{called} holds {exact[row].item()!r} in row {row}, counted from 0; "
                            f"{error}") from None
    return held


def check_label_apart(features: Any, labels: Any) -> None:
    """See that the label is not among the features, where both are pandas's and have names.

    Raises
    ------
    DataError
        If it is.
    """
    if is_pandas(features) and is_pandas(labels) and features.ndim == 2:
        for label in [labels.name] if labels.ndim == 1 else labels.columns:
            if isinstance(label, str):  # numbers are where nobody gave names
                try:
                    _check_apart(features.columns, label)
                except DataError as error:
                    raise DataError(f"features: {error}") from None


def _check_apart(columns: Iterable[Any], label: str) -> None:
    """See that no column is the label, nor what pandas calls a second one of its name."""
    for column in columns:
        if isinstance(column, str) and re.fullmatch(re.escape(label) + r"(\.\d+)?", column):
            why = "" if column == label else (
                f"; so pandas calls a second column {label!r}, and the label must not be among the "
                "features")
            raise DataError(f"column {column!r} beside the label {label!r}{why}; leave it out, or "
                            "give it another name")


def _check_names(names: Iterable[Any]) -> None:
    """See that each column has a name of its own."""
    seen: dict[Any, int] = {}
    for at, name in enumerate(names, 1):
        if name is None or name != name or name == "" or (
                isinstance(name, str) and re.match(r"Unnamed: \d", name)):
            raise DataError(f"column {at} has no name ({name!r}), as the numbers of rows have "
                            "none; write the table without them (to_csv(index=False)), or name it")
        if seen.setdefault(name, at) != at:
            raise DataError(f"columns {seen[name]} and {at} are both called {name!r}; give each a "
                            "name of its own, or leave one out")


def _gaps(places: list[str], how: str = "") -> str:
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return (f"{len(places)} values are missing ({'; '.join(places[:3])}{more}{how}); leave those "
            "rows out, or fill them in")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
