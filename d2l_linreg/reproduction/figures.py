"""Published numbers beside reproduced ones, and the verdict on each."""
import math
import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..settings import NOTEBOOKS

VERDICTS = IDENTICAL, RECOVERED, TO_ROUNDING, DIFFERENT = (
    "identical", "identical (recovered shuffle)", "to rounding", "different")

# A number in any form, and one that a notebook computed: the others count epochs, or are shapes.
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d{1,3})?|\b(?:nan|inf)\b)", re.ASCII)
FIGURE = re.compile(r"-?(?<!\d)\d+\.\d+(?:e[-+]\d{1,3})?|^\d+$", re.MULTILINE | re.ASCII)


@dataclass(frozen=True)
class Figure:
    """One published number beside the reproduced one, both as printed.

    Attributes
    ----------
    notebook, cell, figure : str
        Which it is, and which cell prints it.
    published : str
    reproduced : str or None
        None where there is none.
    verdict : str
        "identical" (the same characters), "identical (recovered shuffle)" (the same, given an
        order of the examples found by search), "to rounding" (other characters, within
        `rounding_bound`, where `environment.shortfalls` says what rounds otherwise) or
        "different".
    reason : str or None
        That it is different in rounding only, where nothing is known to round otherwise.
    percentile : float or None
        Of a training figure, if replicates were asked for: how many percent of them lie below
        the published value (see `monte_carlo.percentiles`).
    """

    notebook: str
    cell: str
    figure: str
    published: str
    reproduced: str | None
    verdict: str
    reason: str | None = None
    percentile: float | None = None

    @property
    def judgement(self) -> str:
        """The verdict, and the reason if there is one."""
        return f"{self.verdict}: {self.reason}" if self.reason else self.verdict


def printed_figures(text: str) -> list[str]:
    """The numbers in a text that a notebook's cell printed, as printed."""
    return FIGURE.findall(text)


def compare_cell(notebook: str, cell: dict[str, Any], text: str | None,
                 exact: bool = False) -> Iterator[Figure]:
    """Judge the figures of one cell, each by itself.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    cell : dict
        One of `published.document(notebook)["cells"]`.
    text : str or None
        What it prints now; None if that failed.
    exact : bool, default False
        Whether nothing here rounds otherwise than then: so that "to rounding" is "different".

    Yields
    ------
    Figure
        Without a reproduced value if the text holds more or fewer numbers than was published. A
        figure without a name, or a name without a figure, is left out: whoever counts will see.
    """
    numbers, printed = (_NUMBER.findall(words or "") for words in (cell["text"], text))
    for name, place in zip(cell["figures"], _places(cell["text"]), strict=False):
        was, reason = numbers[place], None
        now = printed[place] if len(printed) == len(numbers) else None
        verdict = DIFFERENT
        if now == was:
            verdict = RECOVERED if cell["recovered_shuffle"] else IDENTICAL
        elif (now is not None and cell["cell"] == "training" and Decimal(now).is_finite()
              and abs(Decimal(now) - Decimal(was)) <= rounding_bound(notebook, name, was)):
            if exact:
                reason = "to rounding, but nothing here keeps it from being exact"
            else:
                verdict = TO_ROUNDING
        yield Figure(notebook, cell["cell"], name, was, now, verdict, reason)


def other_words(was: str, now: str) -> str | None:
    """Where two texts differ in other than figures and blanks, which align columns of figures.

    Parameters
    ----------
    was, now : str
        What was published, and what is printed now.

    Returns
    -------
    str or None
        One line; None if they do not.
    """
    numbers, printed = _NUMBER.findall(was), _NUMBER.findall(now)
    if len(numbers) != len(printed):
        return f"{len(printed)} numbers are printed, not {len(numbers)}"
    for place in _places(was):  # figures are not compared here
        printed[place] = numbers[place]
    pairs = zip(*([*numbers, *("".join(words.split()) for words in _NUMBER.split(text))]
                  for numbers, text in ((numbers, was), (printed, now))), strict=True)
    return next((f"{after!r} is printed, not {before!r}" for before, after in pairs
                 if before != after), None)


def _places(text: str) -> list[int]:
    """Which of the numbers in a published text are figures."""
    starts = [number.start() for number in _NUMBER.finditer(text)]
    return [bisect(starts, figure.start()) - 1 for figure in FIGURE.finditer(text)]


def rounding_bound(notebook: str, figure: str, value: str) -> Decimal:
    """How far arithmetic that rounds otherwise may move a training figure.

    A step stores each parameter in float32, off by up to half an ulp, u = 2**-22 where b
    ends (between 4 and 8); and it shrinks what deviation there is by a factor 1 - h, with
    h the learning rate times the Hessian: 0.03 for d2l, 2 * 0.001 for straight_dope. Errors
    uniform in [-u, u] so add up to a standard deviation of u / sqrt(3) / sqrt(2 h), and two
    runs that round independently differ in a parameter by sqrt(2) times that. Four such
    standard deviations are the bound on the errors of w and b.

    Parameters at a distance e from the truth have a loss of e**2 + 0.01**2, features being
    standard normal and the noise's standard deviation 0.01. A difference delta moves that by
    2 e delta, which is at most delta / 0.01 of it, where e is 0.01. With the bound on errors
    for delta, this is the bound on moving averages. A loss printed to six decimals may move by
    one in the last.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    figure : str
        Its name.
    value : str
        As published.

    Returns
    -------
    decimal.Decimal
        Absolute bound: for d2l 1e-6 on losses, 3.2e-6 on errors; for straight_dope 1.2e-3
        of the published average.
    """
    if figure.startswith("loss"):
        return Decimal("1e-6")
    own = NOTEBOOKS[notebook]
    shrinkage = 2 * own.loss_factor * own.settings.learning_rate
    deviation = math.sqrt(2) * 2**-22 / math.sqrt(3) / math.sqrt(2 * shrinkage)
    if figure.startswith("error"):
        return Decimal(4 * deviation)
    return Decimal(4 * deviation / 0.01) * Decimal(value)
