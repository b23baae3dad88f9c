"""Of which era a stored notebook is, told by the random numbers that it printed."""
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy

from ..compat.eras import ERAS
from ..compat.streams import started

MOST_NUMBERS = 2**20  # that are drawn again; what is drawn after them tells nothing
MOST_RUNS = 3  # of the first cell that draws, before its numbers were stored
# A number of four decimals or more
PRINTED = re.compile(r"-?(?<!\d)\d+\.\d{4,}(?:e[-+]\d{1,3})?", re.ASCII)

Event = tuple[Any, ...]  # a seed or a draw, as `compat.streams` notes it
Events = Mapping[int, Sequence[Event]]  # by the number of the cell


@dataclass(frozen=True)
class Way:
    """How a notebook was run when its numbers were stored.

    Attributes
    ----------
    era : str
        Its name in `compat.eras`.
    swapped_pairs : bool
        See `as_published`.
    earlier_runs : int
        How often its data cell, the first that draws random numbers, had been run before.
    numpy_printing : str or None
        By which NumPy its arrays were printed; None where nothing tells but the era.
    """

    era: str
    swapped_pairs: bool = False
    earlier_runs: int = 0
    numpy_printing: str | None = None

    def __str__(self) -> str:
        era = ERAS[self.era]
        told = f"as MXNet of {self.era} ({era.mxnet}): its stored numbers are of that stream"
        if self.swapped_pairs:
            told += ", each pair swapped, as on macOS and Windows"
        if self.earlier_runs:
            times = "once" if self.earlier_runs == 1 else f"{self.earlier_runs} times"
            told += f"; its data cell had been run {times} before, and so it is here"
        if self.numpy_printing not in (None, era.numpy):
            told += f"; arrays are printed as by NumPy {self.numpy_printing}"
        return told


def way_of(events: Events, stored: str, first: str | None = None) -> Way | None:
    """Find the era whose stream some stored text shows, and how often its data cell had run.

    Parameters
    ----------
    events : mapping of int to sequence of Event
        What the cells so far seeded and drew.
    stored : str
        The text.
    first : str, optional
        The era to prefer where several show as many of the text's numbers.

    Returns
    -------
    Way or None
        None if no two numbers that follow each other in the text do so in an era's draws.
    """
    numbers = PRINTED.findall(stored)
    used = {event[1] for happened in events.values() for event in happened if event[0] != "seed"}
    eras = sorted((era for era in ERAS.values() if used <= set(era.namespaces)),
                  key=lambda era: era.name != first)
    for runs in range(MOST_RUNS):
        ways = [Way(era.name, swapped, runs) for swapped in (False, True) for era in eras]
        found = [_found(numbers, [array for _, array in draws(way, events)]) for way in ways]
        # Of ways that explain as many numbers, as `logf`s do, the one that does so to the digit
        best = max(range(len(ways)), default=0, key=lambda i: (
            len(found[i]), sum(float(number) == round(float(value), -last_digit(number))
                               for number, value in found[i])))
        if ways and found[best]:
            return replace(ways[best], numpy_printing=_printing(found[best]))
    return None


def draws(way: Way, events: Events) -> list[tuple[int, numpy.ndarray]]:
    """What cells draw if they are run that way, in the last run of each.

    Parameters
    ----------
    way : Way
    events : mapping of int to sequence of Event
        What they seeded and drew, whichever way they were run.

    Returns
    -------
    list of (int, numpy.ndarray of float32)
        With each array the number of its cell.
    """
    drawing = replace(ERAS[way.era].drawing, swapped_pairs=way.swapped_pairs)
    streams = started(0, drawing)

    def drawn(happened: Sequence[Event]) -> Iterator[numpy.ndarray]:
        for kind, *given in happened:
            if kind == "seed":
                seed, on_device = given
                streams.update(started(seed or 0, drawing, on_device))
            else:
                namespace, shape, *parameters = given
                yield getattr(streams[namespace], kind)(shape, *parameters)

    first = data_cell(events)
    arrays, numbers = [], 0
    for number, happened in events.items():
        numbers += sum(math.prod(event[2]) for event in happened if event[0] != "seed")
        if numbers > MOST_NUMBERS:
            break
        for _ in range(1 + way.earlier_runs * (number == first)):
            last = list(drawn(happened))
        arrays += [(number, array) for array in last]
    return arrays


def data_cell(events: Events) -> int | None:
    """The number of the first cell that draws random numbers, None if none does."""
    return next((number for number, happened in events.items()
                 if any(event[0] != "seed" for event in happened)), None)


def _found(numbers: Sequence[str], arrays: Sequence[numpy.ndarray]) -> list[tuple[str, Any]]:
    """Those printed numbers that some array holds, followed by the next one, and its number.

    To the last digit and two ulp, as `logf`s differ that much.
    """
    printed = numpy.array(numbers, "float64")
    half = numpy.array([half_digit(number) for number in numbers])
    half += numpy.abs(printed) * 2.0**-22
    found = []
    for array in arrays:
        values = array.ravel()
        by_size = numpy.argsort(values[:-1])
        with numpy.errstate(invalid="ignore"):  # of numbers beyond floats
            low, high = (numpy.searchsorted(values[:-1], near[:-1], sorter=by_size)
                         for near in (printed - half, printed + half))
        for i in numpy.flatnonzero(low < high).tolist():
            found += [(numbers[i], values[at]) for at in by_size[low[i]:high[i]]
                      if abs(values[at + 1] - printed[i + 1]) <= half[i + 1]]
    return found


def last_digit(number: str) -> int:
    """The power of ten that a printed number's last digit counts."""
    mantissa, _, exponent = number.partition("e")
    return int(exponent or 0) - len(mantissa.partition(".")[2])


def half_digit(number: str) -> float:
    """Half of what a printed number's last digit counts; infinite where that is beyond floats."""
    return float(f"5e{last_digit(number) - 1}")


def _printing(found: Sequence[tuple[str, Any]]) -> str | None:
    """By which NumPy numbers were printed: with eight decimals, or as many as tell them apart."""
    votes = [number == str(value) for number, value in found
             if {number} < {str(value), f"{value:.8f}".rstrip("0")}]
    return ("1.16" if sum(votes) * 2 > len(votes) else "1.13") if votes else None
