"""Columns of numbers under their names, whosever table they are in: read as they are, or refused.

Whole numbers stay what they are or are refused; others are rounded to float32, as training does.
"""
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy

from ..arguments import as_numpy
from ..errors import DataError

SHOWN = 40  # characters of a value, in an error
SECOND = r"(\.\d+|_duplicated_\d+)?"  # what pandas, and polars, append to a name that comes again
NUMBERS_OF_ROWS = r"Unnamed: \d|__index_level_\d"  # what pandas, and pyarrow, call their column


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


def is_table(values: Any) -> bool:
    """Whether values are a table with named columns, or a column of one, be it whose it may."""
    return any(hasattr(type(values), name) for name in ("columns", "column_names", "to_numpy"))


def columns_of(values: Any) -> tuple[str, ...] | None:
    """The names of a table's columns, which may be numbers, as text; None if it has none."""
    names = _names(values) if is_table(values) else None
    return tuple(map(str, names)) if names else None


def _names(table: Any) -> list[Any] | None:
    """The names of a table's columns: pyarrow calls them otherwise; None of a single column.

    Raises
    ------
    DataError
        If its rows are still to be computed, as those of polars's LazyFrame are.
    """
    if not hasattr(type(table), "__len__"):
        raise DataError(f"it is a {type(table).__name__}, whose rows are still to be computed; "
                        "give what comes of that, as by its collect()")
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
    try:
        return table_numbers(values)
    except DataError as error:
        raise DataError(f"{name}: {error}") from None


def table_numbers(values: Any) -> numpy.ndarray:
    """Do as `from_table`, with errors that do not name the table."""
    names = _names(values)
    if names is None:
        own = getattr(values, "name", None)
        return _column("it" if own in (None, "") else f"column {own!r}", values)
    if not (names and len(values)):
        return numpy.empty((len(values), len(names)), "float32")
    check_names(names)
    numbers = numpy.empty((len(values), len(names)), "float32")
    for at, column in enumerate(names):
        numbers[:, at] = _column(f"column {column!r}", values[column])
    return numbers


def _column(called: str, column: Any) -> numpy.ndarray:
    """The numbers of a column."""
    pandas = sys.modules.get("pandas")  # if it is not there the column is not its
    if pandas is not None and issubclass(type(column), pandas.Series):
        missing = column.isna().to_numpy(dtype=bool)
        numbers = _of_pandas(column) if not missing.any() else None
        names, remedy = column.index, "astype(float), pandas.to_numeric or pandas.get_dummies"
        named = not names.equals(pandas.RangeIndex(len(names)))
    else:
        numbers = as_numpy(called, column, DataError)
        missing = _is_missing(numbers)
        names, named, remedy = (), False, "a cast to float, or to dummies of 0 and 1"

    def row(at: int) -> str:
        """A row as its user finds it: by its name, if rows have names, and its number."""
        counted = f"{at}, counted from 0"
        return f"row {shown(names[at])} ({counted})" if named else f"row {counted}"

    gaps = missing.nonzero()[0].tolist()
    if gaps:
        raise DataError(missing_at([f"{called}, {row(at)}" for at in gaps]))
    if numbers is None or numbers.dtype.kind not in "biuf":
        held = list(column)
        at = next((at for at, value in enumerate(held)
                   if not isinstance(value, (bool, int, float))), 0)
        kind = getattr(column, "dtype", getattr(column, "type", type(column).__name__))
        raise DataError(f"{called} is of type {kind}, and holds {shown(held[at])} in {row(at)}; "
                        f"make it numbers, as by {remedy}, or leave it out")
    return _in_float32(called, numbers, row)


def _in_float32(called: str, exact: numpy.ndarray, row: Callable[[int], str]) -> numpy.ndarray:
    """Numbers as float32 holds them; a DataError, with the first row, if it does not."""
    numbers = exact.astype("float64")
    with numpy.errstate(over="ignore", under="ignore"):
        held = numbers.astype("float32")
    doubtful = numpy.isinf(held) | (held == 0) & (numbers != 0)
    whole = exact.dtype.kind in "iu"
    if whole:
        doubtful |= (held != numbers) | (abs(held) >= 2**53)  # up to where float64 is exact
    for at in doubtful.nonzero()[0].tolist():
        try:
            check_held(numbers[at], int(exact[at]) if whole else None)
        except ValueError as error:
            raise DataError(f"{called} holds {exact[at].item()!r} in {row(at)}; {error}") from None
    return held


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
                    check_apart(columns, label)
                except DataError as error:
                    raise DataError(f"features: {error}") from None


def check_apart(columns: Iterable[Any], label: str) -> None:
    """See that no column is the label, nor is one what pandas calls a second one of that name."""
    for column in columns:
        first, second = sorted((str(column), label), key=len)
        if isinstance(column, str) and re.fullmatch(re.escape(first) + SECOND, second):
            why = "" if column == label else (
                f"; so pandas, or polars, calls a second column {first!r}, and the label must not "
                "be among the features")
            raise DataError(f"column {column!r} beside the label {label!r}{why}; leave it out, or "
                            "give it another name")


def check_names(names: Iterable[Any]) -> None:
    """See that each column has a name of its own."""
    seen: dict[Any, int] = {}
    for at, name in enumerate(names, 1):
        if name is None or name != name or name == "" or (
                isinstance(name, str) and re.match(NUMBERS_OF_ROWS, name)):
            raise DataError(f"column {at} has no name ({name!r}), as the numbers of rows have "
                            "none; write the table without them (to_csv(index=False)), or name it")
        if seen.setdefault(name, at) != at:
            raise DataError(f"columns {seen[name]} and {at} are both called {name!r}; give each a "
                            "name of its own, or leave one out")


def check_held(number: float, whole: int | None) -> None:
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


def missing_at(places: list[str]) -> str:
    """How many values are missing, and where the first are, in words."""
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    return (f"missing values: {len(places)} ({'; '.join(places[:3])}{more}); leave those rows out, "
            "or fill them in")


def shown(value: Any) -> str:
    """A value in an error: of what is long its beginning."""
    text = repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."
