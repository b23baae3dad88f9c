"""Running someone's notebook as it was run when its outputs were stored, and comparing them."""
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

import nbformat
from nbformat import v4

from .. import published
from ..compat.eras import ERAS, TODAY
from ..contexts import num_gpus
from ..reproduction.environment import shortfalls
from ..reproduction.figures import compare_cell, other_words
from ..settings import NOTEBOOKS, era_of
from ..terminal import printable
from . import notebook_files, outputs
from .comparison import FAILED, VERDICTS, Comparison, compare, with_consequences
from .evidence import PRINTED, Event, Way, data_cell, draws, way_of
from .kernel import Stopped, run_cells
from .shuffles import lesson_of

MOST_TEXTS = 3  # whose numbers may be random ones, in which none is of a stream that we know
OF_UNKNOWN = "2018"  # whose functions are all here, so that what such a notebook draws is noted


@dataclass(frozen=True)
class Execution:
    """A notebook with fresh outputs, and what they are beside the stored ones.

    Attributes
    ----------
    notebook : nbformat.NotebookNode
        As written: after a first cell that sets the era.
    era : str
        As which it ran: what `as_published` takes.
    told : str
        The same in words, and why.
    comparisons : tuple of Comparison
        For each cell of code that was run and came with the notebook, or failed.
    stopped : Stopped or None
        Why it was not run to its end.
    """

    notebook: nbformat.NotebookNode = field(repr=False)
    era: str
    told: str
    comparisons: tuple[Comparison, ...]
    stopped: Stopped | None = None

    @property
    def ok(self) -> bool:
        """Whether it ran to its end, no cell failed, and none puts out something different."""
        return self.stopped is None and all(comparison.ok for comparison in self.comparisons)

    @property
    def counts(self) -> dict[str, int]:
        """How many cells have each verdict."""
        counted = Counter(comparison.verdict for comparison in self.comparisons)
        return {verdict: counted[verdict] for verdict in VERDICTS}

    def __str__(self) -> str:
        lines = [f"ran {self.told}"]
        if self.era in NOTEBOOKS:
            lines.append("with shuffles found by search, not the authors' own")
        for comparison in self.comparisons:
            lines += comparison.lines
        if self.stopped is not None:
            lines.append(f"not run to its end: {self.stopped}")
        return printable("\n".join([*lines, "", *self._table()]))

    def _table(self) -> list[str]:
        """How many cells have each verdict, in columns."""
        widths = [len(verdict) for verdict in self.counts]
        return ["  ".join(self.counts), "  ".join(
            str(count).rjust(width) for count, width in zip(
                self.counts.values(), widths, strict=True))]

    def to_json(self) -> str:
        """The same as JSON: `ok`, `era`, `told`, `stopped`, `counts` and `cells`."""
        return json.dumps({
            "ok": self.ok, "era": self.era, "told": self.told,
            "stopped": str(self.stopped) if self.stopped else None, "counts": self.counts,
            "cells": [asdict(comparison) for comparison in self.comparisons]}, indent=1) + "\n"


@dataclass(frozen=True)
class _Plan:
    """As what a notebook is to run, why, and which of its cells is run once more, or twice."""

    era: str
    told: str
    way: Way
    data_cell: int | None = None

    @property
    def magic(self) -> str:
        """The lines that have it run so."""
        words = ["%as_published", self.era]
        if self.way.swapped_pairs:
            words.append("--swapped-pairs")
        if self.way.numpy_printing:
            words += ["--numpy-printing", self.way.numpy_printing]
        return "%load_ext d2l_linreg\n" + " ".join(words)


@dataclass
class _Ran:
    """A notebook that was run, perhaps not to its end.

    Attributes
    ----------
    notebook : nbformat.NotebookNode
    origins : list of int or None
        For each of its cells the number of the stored one; None if it was put in.
    events : dict of int to list of Event
        For each cell of code that was run, what it seeded and drew.
    stopped : Stopped or None
    """

    notebook: nbformat.NotebookNode
    origins: list[int | None]
    events: dict[int, list[Event]] = field(default_factory=dict)
    stopped: Stopped | None = None


@dataclass(frozen=True)
class _Runner:
    """Runs one notebook."""

    stored: nbformat.NotebookNode
    folder: str
    ctx: str | None
    timeout: float | None
    allow_installs: bool

    def run(self, plan: _Plan, go_on: Callable[[_Ran, int], bool] = lambda ran, number: True
            ) -> _Ran:
        """Run it as planned, as long as `go_on` says so of each cell that was run."""
        first = v4.new_code_cell(plan.magic + (f" {self.ctx}" if self.ctx else ""))
        if plan.era in NOTEBOOKS:
            first.source = ("# Shuffles come in orders found by search; they are not the authors' "
                            "own.\n" + first.source)
        fresh = nbformat.from_dict(self.stored)
        cells: list[tuple[int | None, nbformat.NotebookNode]] = [(None, first)]
        for number, cell in enumerate(fresh.cells):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if number == plan.data_cell:
                cells += [(None, v4.new_code_cell(cell.source))
                          for _ in range(plan.way.earlier_runs)]
            cells.append((number, cell))
        fresh.cells = [cell for _, cell in cells]
        fresh.metadata["kernelspec"] = {
            "name": "python3", "display_name": "Python 3", "language": "python"}
        ran = _Ran(fresh, [number for number, _ in cells])

        def note(number: int, events: list[Event]) -> bool:
            ran.events[number] = events
            return go_on(ran, number)

        try:
            run_cells(ran.notebook, self.folder, note, timeout=self.timeout,
                      allow_installs=self.allow_installs)
        except Stopped as stopped:
            ran.stopped = stopped
        return ran

    def judged(self, plan: _Plan, ran: _Ran) -> Execution:
        """Hold what was run against what was stored."""
        lessons = {}
        if plan.way.era in ERAS:
            drawn = draws(Way(plan.way.era, plan.way.swapped_pairs), ran.events)
            arrays = [array for number, array in drawn if ran.origins[number] is not None]
            lessons = {own.name: lesson for own in NOTEBOOKS.values()
                       if (lesson := lesson_of(own, arrays)) is not None}
        exact = not shortfalls(self.ctx or "cpu")
        comparisons = [compare(number, self.stored.cells[origin] if origin is not None else None,
                               ran.notebook.cells[number], exact=exact, lessons=lessons,
                               other_logf=plan.way.swapped_pairs)
                       for number in ran.events
                       if (origin := ran.origins[number]) is not None
                       or outputs.error(ran.notebook.cells[number]) is not None]
        if self.ctx is None and not num_gpus():
            comparisons = list(map(_with_stand_in, comparisons))
        sources = {number: ran.notebook.cells[number].source for number in ran.events}
        return Execution(ran.notebook, plan.era, plan.told,
                         tuple(with_consequences(comparisons, sources)), ran.stopped)

    def by_evidence(self, texts: dict[int, str], era: str) -> Execution:
        """Run it as the numbers in its texts tell, looking first whether it is of an era."""
        found: list[Way | None] = []

        def go_on(ran: _Ran, number: int) -> bool:
            origin = ran.origins[number]
            text = texts[origin] if origin is not None else ""
            if any(found) or data_cell(ran.events) is None or len(PRINTED.findall(text)) < 2:
                return True
            found.append(way_of(ran.events, text, era))
            return len(found) < MOST_TEXTS if found[-1] is None else _like(found[-1], era)

        ran = self.run(_Plan(era, "", Way(era)), go_on)
        way = next(filter(None, found), None)
        first = data_cell(ran.events)
        if way is not None and first is not None:
            plan = _Plan(way.era, str(way), way, ran.origins[first])
        elif ran.stopped is not None:
            plan = _Plan(era, f"as MXNet of {era}, looking of which its numbers are", Way(era))
        else:
            plan = _Plan(TODAY, "as today: its stored numbers are of no known stream (another "
                                "seed, or another machine)", Way(TODAY))
        if ran.stopped is not None or way is not None and _like(way, era):
            return self.judged(plan, ran)
        return self.judged(plan, self.run(plan))


def _with_stand_in(comparison: Comparison) -> Comparison:
    """Where a cell failed for want of a GPU, with what helps."""
    reason = comparison.reason or ""
    if comparison.verdict != FAILED or not re.search(r"\bGPU|\bgpu\b", reason):
        return comparison
    return replace(comparison,
                   reason=f"{reason.rstrip('.')}; --ctx cpu has the CPU stand in for GPUs")


def _like(way: Way, era: str) -> bool:
    """Whether to run in a way is to run as of that era."""
    return way in (Way(era), Way(era, numpy_printing=ERAS[era].numpy))


def run(path: str, era: str = "auto", ctx: str | None = None, *, swapped_pairs: bool = False,
        numpy_printing: str | None = None, timeout: float | None = None,
        allow_installs: bool = False) -> Execution:
    """Execute a notebook in a real kernel, in its own folder, with MXNet as it was then.

    A first cell is put before its own, `%load_ext d2l_linreg` and `%as_published`; all else
    runs as it stands. The file is only read. A notebook is a program, and runs as you.

    Parameters
    ----------
    path : str
        An .ipynb file, or Markdown (see `notebook_files.from_markdown`).
    era : str, default "auto"
        As which it runs: what `as_published` takes. "auto" goes by the numbers that are stored: a
        published notebook's, or random ones, which show the era that drew them, the order in pairs,
        and whether the cell that drew them had been run before, up to twice; then it is run as
        often here. Where none are stored, by its imports. Where they are of no era, or it imports
        d2l_linreg itself, it is "today".
    ctx : str, optional
        MXNet's default device, as for `train`; "cpu" also stands in for GPUs.
    swapped_pairs, numpy_printing
        As for `as_published`, where `era` is not "auto".
    timeout : float, optional
        Seconds that a cell may take; by default any.
    allow_installs : bool, default False
        Whether lines are run that install packages: `!pip`, `%pip`, `!conda`, `!apt`.

    Returns
    -------
    Execution

    Raises
    ------
    ArgumentError
        If the file is no notebook, or "auto" finds that it is not for MXNet and Python 3.
    OSError
        If the kernel does not start.
    """
    stored = notebook_files.read(path)
    runner = _Runner(stored, os.path.dirname(os.path.abspath(path)), ctx, timeout, allow_installs)
    if era != "auto":
        plan = _Plan(era, f"as {era}, as you say",
                     Way(era_of(era), swapped_pairs, 0, numpy_printing))
        return runner.judged(plan, runner.run(plan))
    notebook_files.check_language(stored)
    texts = {number: outputs.comparable(outputs.printed(cell))
             for number, cell in enumerate(stored.cells) if cell.cell_type == "code"}
    name, why = _owner(texts.values()), "whose outputs are stored in it"
    if any(name.partition(".")[0] == "d2l_linreg" for name in notebook_files.imports(stored)):
        name, why = TODAY, "as it is written for d2l_linreg"
    if name is None:
        name, why = _by_imports(stored), "by its imports, as no numbers are stored that tell"
        if any(len(PRINTED.findall(text)) > 1 for text in texts.values()):
            return runner.by_evidence(texts, era_of(name or OF_UNKNOWN))
    if name is None:
        name, why = TODAY, "as neither its imports nor what is stored tell an era"
    plan = _Plan(name, f"as {name}, {why}", Way(era_of(name)))
    return runner.judged(plan, runner.run(plan))


def _owner(texts: Iterable[str]) -> str | None:
    """The published notebook of which a text is here that hangs on its shuffle."""
    texts = list(texts)
    for own in NOTEBOOKS.values():
        for cell in published.document(own.name)["cells"]:
            if cell["recovered_shuffle"] and any(
                    other_words(cell["text"], text) is None
                    and all(figure.published == figure.reproduced
                            for figure in compare_cell(own.name, cell, text))
                    for text in texts):
                return own.name
    return None


def _by_imports(notebook: nbformat.NotebookNode) -> str | None:
    """The published notebook, or the era, whose imports these are."""
    names = notebook_files.imports(notebook)
    if any(name.startswith("d2l.mxnet") for name in names):
        return "2020"
    return next((own.name for own in NOTEBOOKS.values() if names & own.imports), None)
