"""What the cells of a notebook print now."""
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy

from .. import published
from ..compat.mxnet import mx
from ..compat.streams import seeded
from ..engines import ENGINES, find
from ..settings import Notebook
from ..training.result import TrainResult
from ..training.train import train
from .figures import (
    DIFFERENT,
    IDENTICAL,
    VERDICTS,
    Figure,
    compare_cell,
    other_words,
    printed_figures,
)

BY_STEPS = "autograd"  # the engine that takes the notebook's own steps

Value = TypeVar("Value")
Output = tuple[str | None, str | None]  # what a cell prints, or else why it does not


@dataclass(frozen=True)
class Cell:
    """The text that one cell printed when it was published, and what it prints now.

    Attributes
    ----------
    notebook, cell : str
        Which it is.
    published : str
    reproduced : str or None
        None where the computation failed.
    reason : str or None
        In one line, why it failed, or that it prints other words or more or fewer numbers: it is
        then different, whatever its figures are.
    """

    notebook: str
    cell: str
    published: str
    reproduced: str | None
    reason: str | None = None


@dataclass(frozen=True)
class CellVerdict:
    """A cell with its figures, as one line tells of it.

    Attributes
    ----------
    cell : Cell
    figures : tuple of Figure
    """

    cell: Cell
    figures: tuple[Figure, ...]

    @property
    def published(self) -> int:
        """How many figures it printed when it was published."""
        return len(printed_figures(self.cell.published))

    @property
    def identical(self) -> int:
        """How many of them are printed now as they were, by a recovered shuffle or without."""
        return len({f.figure for f in self.figures if f.verdict.startswith(IDENTICAL)})

    @property
    def verdict(self) -> str:
        """The worst of its figures'; "different", too, if one is missing or other words come."""
        if self.cell.reason or len({f.figure for f in self.figures}) != self.published:
            return DIFFERENT
        return max((f.verdict for f in self.figures), key=VERDICTS.index, default=IDENTICAL)

    def __str__(self) -> str:
        return f"{self.identical} of {self.published}"


def by_cell(cells: Iterable[Cell], figures: Iterable[Figure]) -> list[CellVerdict]:
    """Put to each cell its figures, each as often as it is judged."""
    figures = tuple(figures)
    return [CellVerdict(cell, tuple(
        figure for figure in figures
        if (figure.notebook, figure.cell) == (cell.notebook, cell.cell))) for cell in cells]


def fresh_outputs(own: Notebook, ctx: mx.Context,
                  exact: bool) -> tuple[dict[str, Output], TrainResult | None]:
    """Have a notebook's functions print what its cells printed, whose texts are not read here.

    Parameters
    ----------
    own : Notebook
    ctx : mxnet.Context
        Where to train.
    exact : bool
        Whether nothing here rounds otherwise than then.

    Returns
    -------
    outputs : dict of str to (str or None, str or None)
        By the names of the cells, what each prints, or else why it fails.
    result : TrainResult or None
        What training by the notebook's own steps came to; None if it failed.
    """
    @functools.cache
    def data() -> Any:
        with mx.cpu(), seeded(own.seed):
            return own.vocabulary.own_data(own.num_examples)

    rows = published.document(own.name)["minibatch_rows"]
    others = numpy.setdiff1d(numpy.arange(own.num_examples), rows)
    texts = own.vocabulary.outputs(data, own.settings.batch_size, [*rows, *others])
    result, failure = attempt(lambda: train(own.name, ctx=ctx, engine=BY_STEPS, verbose=False))
    outputs = {name: attempt(text) for name, text in texts.items()}
    outputs["training"] = (None, failure) if result is None else attempt(
        functools.partial(_agreed, result, ctx, exact))
    return outputs, result


def held_against(own: Notebook, outputs: Mapping[str, Output]) -> list[Cell]:
    """Put beside each text that was published the one that is printed now."""
    cells = []
    for cell in published.document(own.name)["cells"]:
        text, reason = outputs.get(cell["cell"], (None, "nothing prints it"))
        if text is not None:
            reason = other_words(cell["text"], text)
        cells.append(Cell(own.name, cell["cell"], cell["text"], text, reason))
    return cells


def _agreed(result: TrainResult, ctx: mx.Context, exact: bool) -> str:
    """The training lines by the notebook's own steps, if every engine agrees with them.

    On a CPU "compiled" must print the same, and so must "native" where MXNet's arithmetic is that
    of then; else within `rounding_bound`.
    """
    by_steps, on_cpu = result.transcript, ctx.device_type == "cpu"
    cell = dict(published.document(result.notebook)["cells"][-1], text=by_steps)
    for engine in ENGINES:
        if engine == BY_STEPS or engine == "native" and not (on_cpu and has_native()):
            continue
        printed = train(result.notebook, ctx=ctx, engine=engine, verbose=False).transcript
        same = exact if engine == "native" else on_cpu
        agree = printed == by_steps if same else all(
            figure.verdict != DIFFERENT for figure in compare_cell(
                result.notebook, cell, printed))
        if not agree:
            ours, its = next(pair for pair in zip(
                by_steps.splitlines(), printed.splitlines(), strict=True) if pair[0] != pair[1])
            raise ArithmeticError(f"engine {engine!r} prints {its!r}, {BY_STEPS!r} {ours!r}")
    return by_steps


def has_native() -> bool:
    """Whether the engine "native" can be had: numba is installed, and goes with this NumPy."""
    try:
        find("native")
    except (ImportError, OSError):  # OSError: without its library
        return False
    return True


def attempt(compute: Callable[[], Value]) -> tuple[Value | None, str | None]:
    """What a computation gives, and None; or None, and why it failed."""
    try:
        return compute(), None
    except Exception as error:  # whatever it is, it is why these figures do not come out
        first_line = str(error).strip().partition("\n")[0]
        return None, f"{type(error).__name__}: {first_line}"
