"""Tables with named columns, in a file or in memory: read as they are, or refused.

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

from ..arguments import as_numpy
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


class Columns:
    """Columns of numbers, under their names.

    Parameters
    ----------
    columns : list of str
    numbers : numpy.ndarray, shape (num_examples, num_columns)
    """

    __slots__ = ("columns", "numbers")

    def __init__(self, columns: list[str], numbers: numpy.ndarray) -> None:
        self.columns, self.numbers = columns, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, name: str) -> numpy.ndarray:
        return self.numbers[:, self.columns.index(name)]


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
    features : Columns or pandas.DataFrame
    labels : numpy.ndarray or pandas.Series

    Raises
    ------
    DataError
        If it cannot be read, has no such column, or holds what is no number.
    ImportError
        If what reads .parquet is not installed.
    """
    if path.lower().endswith(".parquet"):
        return _parquet(path, label)
    label = label.strip()
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            names, numbers = _read(file, label)
    except (OSError, ValueError) as error:  # ValueError: a \0 in its name
        raise DataError(f"--data is {path!r}: {error}") from error
    at = names.index(label)
    return (Columns([name for name in names if name != label], numpy.delete(numbers, at, axis=1)),
            numbers[:, at].copy())


def _parquet(path: str, label: str) -> tuple[Any, Any]:
    try:
        import pandas
        import pyarrow  # noqa: F401  which pandas would call for by its own name
    except ImportError as error:
        raise ImportError(f"{error}; .parquet needs the extra tables: pip install "
                          "'.[tables]'") from error
    try:
        with open(path, "rb") as file:  # so that it is a file, whatever its name
            frame = pandas.read_parquet(file, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise DataError(f"--data is {path!r}: {error}") from error
    if list(frame.columns).count(label) != 1:
        raise DataError(f"--data is {path!r}: --label is {label!r}; the columns are "
                        f"{', '.join(map(repr, frame.columns))}")
    return frame.drop(columns=label), frame[label]


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


def is_table(values: Any) -> bool:
    """Whether values are a table with named columns, or a column of one, be it whose it may."""
    return any(hasattr(type(values), name) for name in ("columns", "column_names", "to_numpy"))


def columns_of(values: Any) -> tuple[str, ...] | None:
    """The names of a table's columns; None if it is none, or nobody named them."""
    names = _names(values) if is_table(values) else None
    return tuple(names) if names and all(isinstance(name, str) for name in names) else None


def _names(table: Any) -> list[Any] | None:
    """The names of a table's columns: pyarrow calls them otherwise; None of a single column."""
    names = getattr(table, "column_names", getattr(table, "columns", None))
    return None if names is None else list(names)


def from_table(name: str, values: Any) -> numpy.ndarray:
    """Read a table, or a column of one: pandas's, polars's, pyarrow's, or of a like kind.

    Parameters
    ----------
    name : str
        What to call it in an error.
    values : table
        With the names of its columns in `columns` or `column_names`, each column under its name,
        and for `numpy.asarray` an array.

    Returns
    -------
    numpy.ndarray, of the same shape, float32

    Raises
    ------
    DataError
        If two columns have one name, or one holds what is no number.
    """
    names = _names(values)
    try:
        if names is None:
            return _column("it" if (own := getattr(values, "name", None)) in (None, "")
                           else f"column {own!r}", values)
        if not (names and len(values)):
            return numpy.empty((len(values), len(names)), "float32")
        _check_names(names)
        numbers = numpy.empty((len(values), len(names)), "float32")
        for at, column in enumerate(names):
            numbers[:, at] = _column(f"column {column!r}", values[column])
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    return numbers


def _column(called: str, column: Any) -> numpy.ndarray:
    """The numbers of a column."""
    pandas = sys.modules.get("pandas")  # if it is not there the column is not its
    of_pandas = pandas is not None and issubclass(type(column), pandas.Series)
    if of_pandas:
        missing = column.isna().to_numpy(dtype=bool)
        exact = _of_pandas(column) if not missing.any() else None
    else:
        exact = as_numpy(called, column, DataError)
        missing = _is_missing(exact)
    index = getattr(column, "index", None) if of_pandas else None

    def row(at: int) -> str:
        """A row as its user finds it: by its name, if rows have names, and its number."""
        if index is None or index.equals(pandas.RangeIndex(len(index))):  # type: ignore[union-attr]
            return f"row {at}, counted from 0"
        return f"row {_shown(index[at])} ({at}, counted from 0)"

    gaps = missing.nonzero()[0].tolist()
    if gaps:
        raise DataError(_gaps([f"{called}, {row(at)}" for at in gaps]))
    if exact is None or exact.dtype.kind not in "biuf":
        held = list(column)
        at = next((at for at, value in enumerate(held)
                   if not isinstance(value, (bool, int, float))), 0)
        kind = getattr(column, "dtype", getattr(column, "type", type(column).__name__))
        how = ("astype(float), pandas.to_numeric or pandas.get_dummies" if of_pandas else
               "a cast to float, or to dummies of 0 and 1")
        raise DataError(f"{called} is of type {kind}, and holds "
                        f"{_shown(held[at])} in {row(at)}; make it numbers, as by {how}, or leave "
                        "it out")
    numbers = exact.astype("float64")
    with numpy.errstate(over="ignore", under="ignore"):
        in_float32 = numbers.astype("float32")
    doubtful = numpy.isinf(in_float32) | (in_float32 == 0) & (numbers != 0)
    whole = exact.dtype.kind in "iu"
    if whole:
        doubtful |= (in_float32 != numbers) | (abs(in_float32) >= 2**53)  # where float64 is exact
    for at in doubtful.nonzero()[0].tolist():
        try:
            _check_held(numbers[at], int(exact[at]) if whole else None)
        except ValueError as error:
            raise DataError(f"{called} holds {exact[at].item()!r} in {row(at)}; {error}") from None
    return in_float32


def _of_pandas(column: Any) -> numpy.ndarray | None:
    """The numbers of a column of pandas's, none of which is missing; None if it holds others."""
    from pandas.api import types

    kinds = {"bool": types.is_bool_dtype, "float64": types.is_float_dtype,
             "uint64": types.is_unsigned_integer_dtype, "int64": types.is_integer_dtype}
    return next((column.to_numpy(dtype=dtype) for dtype, is_of in kinds.items()
                 if is_of(column.dtype)), None)


def _is_missing(array: numpy.ndarray) -> numpy.ndarray:
    """Where there is no value: NaN, NaT or None."""
    if array.dtype == object:
        return numpy.array([value is None for value in array], bool)
    return array != array


def check_label_apart(features: Any, labels: Any) -> None:
    """See that the label is not among the features, where both are tables' and have names.

    Raises
    ------
    DataError
        If it is.
    """
    columns = _names(features) if is_table(features) else None
    if columns and is_table(labels):
        for label in _names(labels) or [getattr(labels, "name", None)]:
            if isinstance(label, str) and label:  # numbers are where nobody gave names
                try:
                    _check_apart(columns, label)
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


def _gaps(places: list[str]) -> str:
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return (f"{len(places)} values are missing ({'; '.join(places[:3])}{more}); leave those "
            "rows out, or fill them in")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
