"""What cells put out when their notebook was stored, held against what they put out now."""
import ast
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import nbformat

from ..reproduction.figures import (
    DIFFERENT,
    IDENTICAL,
    TO_ROUNDING,
    Figure,
    compare_cell,
    other_words,
    printed_figures,
)
from ..reproduction.monte_carlo import ALPHA
from ..settings import NOTEBOOKS
from . import outputs
from .evidence import last_digit
from .installs import NOT_RUN
from .notebook_files import UNREADABLE, parsed, without_magic
from .shuffles import Lesson, figures_of_training

LAYOUT, ANOTHER_SHUFFLE, NEW, FAILED = "other layout", "another shuffle", "new", "failed"
MOST_LINES, WIDEST = 200, 200  # that are shown of an output; the files hold it whole
VERDICTS = (IDENTICAL, LAYOUT, TO_ROUNDING, ANOTHER_SHUFFLE, NEW, DIFFERENT, FAILED)


@dataclass(frozen=True)
class Comparison:
    """What one code cell put out when the notebook was stored, and what it puts out now.

    Attributes
    ----------
    cell : int
        Its number in the notebook that is written, from 0.
    verdict : str or None
        "identical" (but for trailing blanks and what cannot come out again: memory addresses,
        durations, log lines), "other layout" (the same but for blanks), "to rounding" (its figures
        within the bounds stated, where something is known to round otherwise), "another shuffle"
        (ordinary among those), "new" (nothing was stored), "different" or "failed". None where
        nothing was put out, then and now, or its lines were not run.
    stored, fresh : str
        The text.
    reason : str or None
        More on the verdict, in a line.
    figures : tuple of Figure
        The numbers in the text, each with a verdict.
    root : int or None
        Of a failure that is but a consequence, the cell that failed first.
    consequences : tuple of int
        Of such a cell, those that failed for it.
    """

    cell: int
    verdict: str | None
    stored: str = ""
    fresh: str = ""
    reason: str | None = None
    figures: tuple[Figure, ...] = ()
    root: int | None = None
    consequences: tuple[int, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What to say of it: its verdict, and both texts side by side where they differ."""
        if self.root is not None or self.verdict in (None, NEW) and not self.reason:
            return []
        told = f"cell {self.cell}: " + ": ".join(filter(None, (
            self.verdict, _cut(self.reason or "", 5 * WIDEST))))
        if self.consequences:
            told += f"; and so cell{'s' * (len(self.consequences) > 1)} "
            told += ", ".join(map(str, self.consequences))
        shown = self.verdict in (TO_ROUNDING, DIFFERENT)
        return [told, *(_side_by_side(self.stored, self.fresh) if shown else [])]

    @property
    def ok(self) -> bool:
        """Whether it is neither different nor failed."""
        return self.verdict not in (DIFFERENT, FAILED)


def _side_by_side(stored: str, fresh: str) -> list[str]:
    rows = [("stored", "now"), ("------", "---")]
    left, right = ([_cut(line, WIDEST) for line in text.split("\n", MOST_LINES)[:MOST_LINES]]
                   for text in (stored, fresh))
    rows += itertools.zip_longest(left, right, fillvalue="")
    if max(stored.count("\n"), fresh.count("\n")) >= MOST_LINES:
        rows.append(("...", "..."))
    width = max(len(left) for left, _ in rows)
    return [f"    {left.ljust(width)} {' ' if left == right else '|'} {right}"
            for left, right in rows]


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else line[:width - 3] + "..."


def compare(number: int, was: nbformat.NotebookNode | None, now: nbformat.NotebookNode, *,
            exact: bool, lessons: dict[str, Lesson], other_logf: bool) -> Comparison:
    """Hold one cell's outputs against those it came with.

    Parameters
    ----------
    number : int
    was : nbformat.NotebookNode or None
        The cell as stored; None where this one was not there.
    now : nbformat.NotebookNode
    exact : bool
        Whether nothing here rounds otherwise than then.
    lessons : dict of str to Lesson
        By the notebooks' names: the data that this one drew, where they are a lesson's.
    other_logf : bool
        Whether the data were drawn by a C library that is none of those we know.

    Returns
    -------
    Comparison
    """
    then = outputs.error(was) if was is not None else None
    error = outputs.error(now)
    stored = outputs.printed(was) if was is not None else ""
    fresh = outputs.printed(now)
    if error is not None and outputs.comparable(error) != outputs.comparable(then or ""):
        return Comparison(number, FAILED, stored, fresh, error)
    if error is None and then is not None:
        return Comparison(number, DIFFERENT, then, fresh or "no error",
                          "the error that was stored no longer occurs")
    if NOT_RUN in fresh:
        lines = fresh.split("\n")
        fresh = "\n".join(line for line in lines if not line.startswith(NOT_RUN))
        skipped = "; ".join(
            line.removeprefix(NOT_RUN) for line in lines if line.startswith(NOT_RUN))
        if not fresh or stored.endswith(fresh):  # its beginning is the installer's
            return Comparison(number, None, stored, fresh, f"not run: {skipped}")
    return _compared(Comparison(number, None, stored, fresh), error, exact, lessons, other_logf)


def _compared(texts: Comparison, error: str | None, exact: bool, lessons: dict[str, Lesson],
              other_logf: bool) -> Comparison:
    stored, fresh = outputs.comparable(texts.stored), outputs.comparable(texts.fresh)
    if not stored and not error:
        return replace(texts, verdict=NEW) if fresh else texts
    training = figures_of_training(stored)
    words = other_words(stored, fresh)
    figures = _figures(stored, fresh, exact, training, other_logf)
    texts = replace(texts, figures=figures)
    if stored == fresh:
        return replace(texts, verdict=IDENTICAL,
                       reason=f"also that it fails: {error}" if error else None)
    if "".join(stored.split()) == "".join(fresh.split()):
        return replace(texts, verdict=LAYOUT)
    different = [figure for figure in figures if figure.verdict == DIFFERENT]
    if words is None and not different:
        return replace(texts, verdict=TO_ROUNDING)
    shuffled = _another_shuffle(stored, different, training, lessons)
    if shuffled is not None:
        p_value, told = shuffled
        if p_value is not None and p_value <= ALPHA:
            return replace(texts, verdict=DIFFERENT, reason=(
                f"unusual among other shuffles, p = {p_value:.3f}: other settings or other "
                "arithmetic"))
        return replace(texts, verdict=ANOTHER_SHUFFLE, reason=told)
    counted = f"{len(different)} of {len(figures)} figures" if different else None
    return replace(texts, verdict=DIFFERENT, reason=words or counted)


def _figures(stored: str, fresh: str, exact: bool, training: tuple | None,
             other_logf: bool) -> tuple[Figure, ...]:
    """The figures of a text, by themselves, whatever words are around them."""
    printed = printed_figures(stored)
    own, names = training or (NOTEBOOKS["d2l"], [str(number) for number in range(len(printed))])
    cell = {"cell": "training" if training else "", "text": stored, "recovered_shuffle": False,
            "figures": names}
    return tuple(replace(figure, verdict=TO_ROUNDING) if (
        other_logf and training is None and figure.reproduced is not None
        and figure.verdict == DIFFERENT and _nearly(figure.published, figure.reproduced))
        else figure for figure in compare_cell(own.name, cell, fresh, exact))


def _nearly(was: str, now: str) -> bool:
    """Whether a number of the data, or a label made of some, is off by two ulp in those."""
    return abs(float(was) - float(now)) <= 2.0**-22 * max(abs(float(was)), 8)


def _another_shuffle(stored: str, different: Sequence[Figure], training: tuple | None,
                     lessons: dict[str, Lesson]) -> tuple[float | None, str] | None:
    """The p-value, if there is one, of what hangs on the shuffle, and what to say of it."""
    if not all(abs(float(figure)) < 1e9 and last_digit(figure) > -30  # no training's figures
               for figure in printed_figures(stored)):
        return None
    if training is not None:
        own, names = training
        if own.name not in lessons:
            return None
        p_value = lessons[own.name].p_value(names, printed_figures(stored))
        return p_value, f"ordinary, p = {p_value:.2f}"
    for lesson in lessons.values():
        if len(different) > 2 and lesson.holds(printed_figures(stored)):
            return None, "rows of the same data"
        figures = [figure.published for figure in different]
        learned = lesson.learned(figures)
        if learned is not None:
            p_value = lesson.p_value(learned, figures)
            return p_value, f"learned parameters; ordinary, p = {p_value:.2f}"
    return None


def with_consequences(comparisons: Sequence[Comparison],
                      sources: dict[int, str]) -> list[Comparison]:
    """Tell failures that are but consequences of others.

    A cell that fails for want of a name that a failed cell, or such a consequence, would have bound
    is one; so is a cell that fails as another has.

    Parameters
    ----------
    comparisons : sequence of Comparison
        In the order of the cells.
    sources : dict of int to str
        Their code.

    Returns
    -------
    list of Comparison
    """
    unbound: dict[str, int] = {}  # names, and the cell at the root of that
    told: dict[str | None, int] = {}
    judged = []
    for comparison in comparisons:
        if comparison.verdict == FAILED:
            reason = comparison.reason or ""
            missing = reason.split("'")[1] if reason.startswith("NameError: name '") else None
            root = unbound.get(missing or "", told.setdefault(reason, comparison.cell))
            for name in _bound(sources[comparison.cell]):
                unbound.setdefault(name, root)
            if root != comparison.cell:
                comparison = replace(comparison, root=root)
        judged.append(comparison)
    return [replace(comparison, consequences=tuple(
        other.cell for other in judged if other.root == comparison.cell)) for comparison in judged]


def _bound(source: str) -> set[str]:
    """The names that a cell's code binds at its top level."""
    code = without_magic(source)
    try:
        tree = parsed(code)
    except UNREADABLE:  # what looks like a name that is bound
        return set(re.findall(r"\b(?:def |class |import )?([^\W\d]\w*)\s*(?=[,=(:]|$)", code, re.M))
    names = {alias.asname or alias.name.partition(".")[0] for node in ast.walk(tree)
             if isinstance(node, (ast.Import, ast.ImportFrom)) for alias in node.names}
    names |= {node.id for node in ast.walk(tree)
              if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names | {node.name for node in tree.body
                    if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
