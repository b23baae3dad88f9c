"""Whether stored numbers are what another shuffle of the same lesson gives."""
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy

from .. import published
from ..reproduction import monte_carlo
from ..reproduction.figures import FIGURE, printed_figures
from ..reproduction.replication import Replicates, descend
from ..settings import NOTEBOOKS, Notebook
from .evidence import half_digit

RUNS = monte_carlo.MIN_RUNS
NEAR = 0.05  # to the true parameters, for what is printed to be learned ones
_PARAMETERS, _ERRORS = ["w[0]", "w[1]", "b"], ["error in w[0]", "error in w[1]", "error in b"]


def figures_of_training(text: str) -> tuple[Notebook, list[str]] | None:
    """Tell by its words that a text is printed by a lesson's training, and name its figures.

    Parameters
    ----------
    text : str
        All of whose lines must be lines of a published training cell, but for their figures, for
        brackets, and for capital letters.

    Returns
    -------
    own : Notebook
    figures : list of str
        Names of the published figures whose places its own have.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    for own in NOTEBOOKS.values():
        names = _named_lines(own)
        if lines and all(_words(line) in names for line in lines):
            return own, [name for line in lines for name in names[_words(line)]]
    return None


def _named_lines(own: Notebook) -> dict[str, list[str]]:
    cell = published.document(own.name)["cells"][-1]
    names = iter(cell["figures"])
    return {_words(line): [next(names) for _ in printed_figures(line)]
            for line in cell["text"].split("\n")}


def _words(line: str) -> str:
    """A line with all figures alike, without blanks and marks."""
    return re.sub(r"[^a-z0-9#]", "", FIGURE.sub("#", line).lower())


@dataclass(frozen=True, eq=False)
class Lesson:
    """One of the two lessons, on the data that some era drew for it.

    Attributes
    ----------
    own : Notebook
    features : numpy.ndarray, shape (num_examples, 2)
    noiseless : numpy.ndarray, shape (num_examples,)
        Labels but for their noise.
    noise : numpy.ndarray, shape (num_examples,)
        As drawn.
    w : numpy.ndarray, shape (2, 1)
    b : numpy.ndarray, shape (1,)
    """

    own: Notebook
    features: numpy.ndarray
    noiseless: numpy.ndarray
    noise: numpy.ndarray
    w: numpy.ndarray
    b: numpy.ndarray

    @cached_property
    def replicates(self) -> Replicates:
        """Its training over other shuffles."""
        labels = self.noiseless + self._factors[0] * self.noise
        return descend(self.own, self.features, labels, self.w, self.b, RUNS, 0)

    @property
    def _factors(self) -> tuple[float, ...]:
        """By what the noise may be multiplied: later editions took ten times the lesson's."""
        return (0.01, 0.1) if self.noise.std() > 0.1 else (1.0, 10.0)

    def p_value(self, names: Sequence[str], figures: Sequence[str]) -> float:
        """How unusual printed figures are among those of other shuffles.

        Parameters
        ----------
        names : sequence of str
            As `figures_of_training` or `learned` gives them.
        figures : sequence of str

        Returns
        -------
        float
            As by `monte_carlo.p_value`.
        """
        replicates, own = self.replicates, self.own
        errors = numpy.column_stack([replicates.w_error, replicates.b_error]).T
        truth = numpy.array([*own.vocabulary.TRUE_W, own.vocabulary.TRUE_B])
        columns = {**dict(zip(_ERRORS, errors, strict=True)),
                   **dict(zip(_PARAMETERS, truth[:, None] - errors, strict=True)),
                   **dict(zip(published.document(own.name)["cells"][-1]["figures"],
                              replicates.figures.T, strict=True))}
        return monte_carlo.p_value(figures, numpy.column_stack([columns[name] for name in names]))

    def learned(self, figures: Sequence[str]) -> list[str] | None:
        """Name figures that are near the true parameters by these, or near 0 as their errors.

        None if one is not. Of errors there are all three, or those of w.
        """
        w, b = self.own.vocabulary.TRUE_W, self.own.vocabulary.TRUE_B
        numbers = [float(figure) for figure in figures]
        errors = _ERRORS[:len(numbers)] if len(numbers) in (2, 3) else None
        if errors and all(abs(number) < NEAR for number in numbers):
            return errors
        names = [name for number in numbers for name, true in zip(_PARAMETERS, (*w, b), strict=True)
                 if abs(number - true) < NEAR]
        return names if names and len(names) == len(numbers) else None

    def holds(self, figures: Sequence[str]) -> bool:
        """Whether printed figures are all values of these data, as those of a mini-batch are."""
        numbers = numpy.array(figures, "float64")
        half = numpy.array([half_digit(figure) for figure in figures])
        half += 2.0**-21 * (1 + numpy.abs(numbers))  # as labels' arithmetic rounds in several ways
        return any((numpy.searchsorted(values, numbers - half)
                    < numpy.searchsorted(values, numbers + half)).all()
                   for values in (numpy.sort(numpy.append(
                       self.features, self.noiseless + factor * self.noise))
                       for factor in self._factors))


def lesson_of(own: Notebook, arrays: Sequence[numpy.ndarray]) -> Lesson | None:
    """The lesson, if what was drawn is what it draws first.

    Parameters
    ----------
    own : Notebook
    arrays : sequence of numpy.ndarray

    Returns
    -------
    Lesson or None
    """
    n, features = own.num_examples, len(own.vocabulary.TRUE_W)
    if [array.size for array in arrays[:3]] != [n * features, n, features] or arrays[0].ndim != 2:
        return None
    X, noise, w, *further = (array.astype("float64") for array in arrays[:4])
    b = further[0].ravel() if further and further[0].size == 1 else numpy.zeros(1)
    noiseless = X @ own.vocabulary.TRUE_W + own.vocabulary.TRUE_B
    return Lesson(own, X, noiseless, noise.ravel(), w.reshape(-1, 1), b)
