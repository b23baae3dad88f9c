"""Published numbers beside reproduced ones, and the verdict on each."""
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..settings import NOTEBOOKS

VERDICTS = IDENTICAL, RECOVERED, TO_ROUNDING, DIFFERENT = (
    "identical", "identical (recovered shuffle)", "to rounding", "different")

_FIGURE = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?|^\d+$|\b(?:nan|inf)\b", re.MULTILINE)


@dataclass(frozen=True)
class Figure:
    """One published number beside the reproduced one, both as printed.

    Attributes
    ----------
    notebook, figure : str
        Which it is.
    published : str
    reproduced : str or None
        None where there is none.
    verdict : str
        "identical" (the same characters), "identical (recovered shuffle)" (the same, given an
        order of the examples found by search), "to rounding" (other characters, within
        `rounding_bound`, where `environment.shortfalls` says what rounds otherwise) or
        "different".
    reason : str or None
        Why it is different, if a computation failed, or rounds otherwise for no reason that is
        known.
    percentile : float or None
        Of a training figure, if replicates were asked for: how many percent of them lie below
        the published value (see `monte_carlo.percentiles`).
    """

    notebook: str
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
    return _FIGURE.findall(text)


def compare_cell(notebook: str, cell: dict[str, Any], text: str | None,
                 reason: str | None = None, exact: bool = False) -> Iterator[Figure]:
    """Judge the figures of one cell.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    cell : dict
        One of `published.document(notebook)["cells"]`.
    text : str or None
        What it prints now.
    reason : str, optional
        Why there is no text.
    exact : bool, default False
        Whether nothing here rounds otherwise than then: so that "to rounding" is "different".

    Yields
    ------
    Figure
    """
    # The words around the figures count too, but for the blanks that align columns.
    if text is not None and (
            _FIGURE.sub("#", text).split() != _FIGURE.sub("#", cell["text"]).split()):
        text, reason = None, f"printed {text!r}"
    reproduced = [None] * len(cell["figures"]) if text is None else printed_figures(text)
    for name, was, now in zip(cell["figures"], printed_figures(cell["text"]), reproduced,
                              strict=True):
        verdict, why = DIFFERENT, reason
        if now == was:
            verdict = RECOVERED if cell["recovered_shuffle"] else IDENTICAL
        elif (now is not None and cell["cell"] == "training" and Decimal(now).is_finite()
              and abs(Decimal(now) - Decimal(was)) <= rounding_bound(notebook, name, was)):
            if exact:
                why = "to rounding, but nothing here keeps it from being exact"
            else:
                verdict = TO_ROUNDING
        yield Figure(notebook, name, was, now, verdict, why)


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
