"""A fresh run of both notebooks, held against what they published, figure by figure."""
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .. import published
from ..arguments import as_integer
from ..compat.mxnet import mx, numpy_semantics
from ..compat.printing import printing_of_2019
from ..contexts import as_context
from ..errors import ArgumentError
from ..progress import step
from ..settings import NOTEBOOKS, Notebook, known
from ..training.result import TrainResult
from ..training.train import train
from . import monte_carlo, printed
from .cells import Cell, Output, attempt, fresh_outputs, has_native, held_against
from .environment import decisive, describe, shortfalls
from .figures import DIFFERENT, IDENTICAL, VERDICTS, Figure, compare_cell
from .monte_carlo import ORDINARY, Joint
from .pictures import Picture, compare_picture
from .replication import Replicates, replicate

SCHEMA_VERSION = 1  # of what `Reproduction.to_json` writes
FOUND_BY_SEARCH = "found by search; they are not the authors' own"


@dataclass(frozen=True)
class NotebookReproduction:
    """A fresh run of one notebook.

    Attributes
    ----------
    notebook : str
    figures : tuple of Figure
    cells : tuple of Cell
        The texts that the figures were read from.
    picture : Picture
        Its scatter plot, which is counted beside the figures.
    result : TrainResult or None
        What training by the notebook's own steps came to; None if it failed.
    joint : Joint or None
        The verdict on all its training figures, if replicates were asked for.
    replicates : Replicates or None
        None too if making them failed.
    witness : int or None
        How many figures are as published where the engine "native" trains; None where MXNet's own
        must be, or numba is not installed.
    """

    notebook: str
    figures: tuple[Figure, ...]
    cells: tuple[Cell, ...]
    picture: Picture
    result: TrainResult | None = field(default=None, repr=False, compare=False)
    joint: Joint | None = None
    replicates: Replicates | None = field(default=None, repr=False, compare=False)
    witness: int | None = None

    @property
    def miscounted(self) -> str | None:
        """In one line, that more or fewer figures are judged than were published; else None."""
        judged, all_there = len({f.figure for f in self.figures}), published.FIGURES[self.notebook]
        return None if judged == all_there else f"{judged} figures are judged, not {all_there}"


@dataclass(frozen=True)
class Reproduction:
    """A fresh run of the notebooks, with what it ran on.

    Attributes
    ----------
    notebooks : tuple of NotebookReproduction
    environment : dict of str to str
        What `environment.describe` told when it ran.
    shortfalls : tuple of str
        What `environment.shortfalls` told: what kept its figures from being exact.
    """

    notebooks: tuple[NotebookReproduction, ...]
    environment: dict[str, str] = field(compare=False)
    shortfalls: tuple[str, ...]

    @property
    def mxnet(self) -> str:
        """The version of MXNet."""
        return self.environment["mxnet"]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures of all notebooks."""
        return tuple(figure for notebook in self.notebooks for figure in notebook.figures)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells of all notebooks."""
        return tuple(cell for notebook in self.notebooks for cell in notebook.cells)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures of all notebooks."""
        return tuple(notebook.picture for notebook in self.notebooks)

    @property
    def joint(self) -> tuple[Joint, ...]:
        """The joint verdicts, one a notebook, if replicates were asked for."""
        return tuple(notebook.joint for notebook in self.notebooks if notebook.joint is not None)

    @property
    def witness(self) -> int | None:
        """The sum of all notebooks' witnesses."""
        found = [notebook.witness for notebook in self.notebooks if notebook.witness is not None]
        return sum(found) if found else None

    @property
    def ok(self) -> bool:
        """Whether all is there, no figure, cell or picture different, and none unusual together."""
        return (all(notebook.miscounted is None for notebook in self.notebooks)
                and all(f.verdict != DIFFERENT for f in self.figures)
                and all(cell.reason is None for cell in self.cells)
                and all(picture.verdict != DIFFERENT for picture in self.pictures)
                and all(joint.verdict == ORDINARY for joint in self.joint))

    @property
    def summary(self) -> str:
        """What is identical, what differs but figures, and where these lie among other shuffles."""
        counts = Counter(figure.verdict for figure in self.figures)
        verdicts = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v]) or "none"
        identical = sum(counts[v] for v in VERDICTS if v.startswith(IDENTICAL))
        all_there = sum(published.FIGURES[notebook.notebook] for notebook in self.notebooks)
        lines = [*(f"{notebook.notebook}: {notebook.miscounted}." for notebook in self.notebooks
                   if notebook.miscounted is not None),
                 *(f"{cell.notebook} {cell.cell}: {cell.reason}." for cell in self.cells
                   if cell.reason is not None),
                 *(f"{picture.notebook} picture: {picture.told}." for picture in self.pictures
                   if picture.verdict == DIFFERENT),
                 *(["MXNet rounds otherwise here; the same steps in the arithmetic of then: "
                    f"{self.witness} of {all_there}."] if self.witness is not None else []),
                 decisive(self.environment) + ".",
                 f"The recovered shuffles were {FOUND_BY_SEARCH}.",
                 *map(str, self.joint)]
        if self.joint:
            alarms = monte_carlo.false_alarm_rate(self.joint[0].runs)
            lines.append(f"(Unusual is p up to {monte_carlo.ALPHA}, a false alarm for {alarms:.2%} "
                         "of shuffles.)")
        lines += [f"Of the figures {verdicts}.",
                  ", ".join([f"{identical} of {all_there} printed figures",
                             *map(str, self.pictures)]) + f" identical on MXNet {self.mxnet}."]
        return "\n".join(lines)

    def to_json(self) -> str:
        """The same as JSON.

        It holds `schema_version`, which changes where a name here is given up or means something
        else, `ok`, `mxnet`, `environment`, `shortfalls`, `miscounted`, `figures`, `cells`,
        `pictures`, `joint`, `runs` and `recovered_shuffles`, which says where those come from.
        `reason`, `percentile` and `witness` are there where they
        are not None. In `cells` are those with a `reason`; in `miscounted` those notebooks of which
        more or fewer figures are judged than were published; in `runs`, for each notebook that
        could be trained, the sha256 of its data and of their order.
        """
        def known_of(part: Figure | Cell | Picture | Joint) -> dict[str, Any]:
            return {key: value for key, value in asdict(part).items()
                    if key not in ("reason", "percentile") or value is not None}

        return json.dumps({
            "schema_version": SCHEMA_VERSION, "recovered_shuffles": FOUND_BY_SEARCH,
            "ok": self.ok, "mxnet": self.mxnet, "environment": self.environment,
            "shortfalls": self.shortfalls,
            "miscounted": {notebook.notebook: notebook.miscounted for notebook in self.notebooks
                           if notebook.miscounted is not None},
            "figures": list(map(known_of, self.figures)),
            "cells": [known_of(cell) for cell in self.cells if cell.reason is not None],
            "pictures": [dict(known_of(picture), verdict=picture.verdict)
                         for picture in self.pictures],
            "joint": [dict(known_of(joint), verdict=joint.verdict) for joint in self.joint],
            "runs": [dict(notebook=fresh.notebook, data_sha256=fresh.result.data_sha256,
                          order_sha256=fresh.result.order_sha256)
                     for fresh in self.notebooks if fresh.result is not None],
            **({"witness": self.witness} if self.witness is not None else {}),
        }, indent=1) + "\n"

    def __str__(self) -> str:
        return "\n".join(printed.lines(self))


def reproduce(notebook: str | None = None, *, ctx: Any = "cpu",
              runs: int = monte_carlo.MIN_RUNS) -> Reproduction:
    """Train afresh on real MXNet and hold every published figure against what comes out.

    The authors' shuffles were never recorded; mini-batches and training figures come out
    under orders found by search, which are not the authors' own. The data are drawn as a scatter
    plot, too, and compared with the one that was published, by its points or its pixels.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}, optional
        Default both.
    ctx : str or mxnet.Context, default "cpu"
        Where to train, as for `train`; a GPU's arithmetic agrees to rounding.
    runs : int, default 1000
        How many other shuffles to hold the published training figures against, 1,000 or
        more; or 0, to leave that out.

    Returns
    -------
    Reproduction
        Printed, it has a line for each cell, and at its end what is different, figure by figure.

    Raises
    ------
    ArgumentError
        If the notebook is unknown, `runs` is not as above or, as a ContextError, `ctx` is
        not there. A computation that fails raises nothing: its figures are "different", and
        its cell or picture has the reason.
    """
    names = published.NOTEBOOKS if notebook is None else (known(notebook).name,)
    if as_integer("runs", runs, 0) and runs < monte_carlo.MIN_RUNS:
        raise ArgumentError(f"runs is {runs}; a percentile needs at least {monte_carlo.MIN_RUNS}, "
                            "or 0 leaves them out")
    ctx = as_context(ctx)
    kept_from = tuple(shortfalls(ctx))
    with printing_of_2019():
        notebooks = tuple(_reproduced(NOTEBOOKS[name], ctx, not kept_from, runs) for name in names)
    return Reproduction(notebooks, describe(ctx), kept_from)


def _reproduced(own: Notebook, ctx: mx.Context, exact: bool, runs: int) -> NotebookReproduction:
    """A fresh run of one notebook."""
    with numpy_semantics(own.numpy_semantics):
        outputs, result = fresh_outputs(own, ctx, exact)
    cells = held_against(own, outputs)
    with step(f"{own.name}: its picture"):
        picture = compare_picture(own)
    fresh = NotebookReproduction(
        own.name, judged(own, cells, exact), tuple(cells), picture, result,
        witness=None if exact or not has_native() else _witness(own, outputs))
    return _among(fresh, runs) if runs else fresh


def _witness(own: Notebook, outputs: dict[str, Output]) -> int:
    """How many figures are as published if the engine "native" prints those of training."""
    training = attempt(
        lambda: train(own.name, ctx="cpu", engine="native", verbose=False).transcript)
    figures = judged(own, held_against(own, dict(outputs, training=training)), exact=True)
    return sum(figure.verdict.startswith(IDENTICAL) for figure in figures)


def judged(own: Notebook, cells: Sequence[Cell], exact: bool) -> tuple[Figure, ...]:
    """The figures in all cells of a notebook, each with its verdict; see `compare_cell`."""
    return tuple(figure for cell, was in zip(
        cells, published.document(own.name)["cells"], strict=True)
        for figure in compare_cell(own.name, was, cell.reproduced, exact))


def _among(fresh: NotebookReproduction, runs: int) -> NotebookReproduction:
    """The run, with its training figures' places among replicates."""
    trained = [name for cell in published.document(fresh.notebook)["cells"]
               if cell["cell"] == "training" for name in cell["figures"]]
    first = len(fresh.figures) - len(trained)
    transcript = [figure.published for figure in fresh.figures[first:]]

    def judge() -> tuple[Replicates, list[float], float]:
        replicates = replicate(fresh.notebook, runs)
        return (replicates, monte_carlo.percentiles(transcript, replicates.figures).tolist(),
                monte_carlo.p_value(transcript, replicates.figures))

    judged, reason = attempt(judge)
    if judged is None:
        return replace(fresh, joint=Joint(fresh.notebook, runs, None, reason))
    replicates, percentiles, p_value = judged
    placed = [replace(figure, percentile=percentile) for figure, percentile in
              zip(fresh.figures[first:], percentiles, strict=True)]
    return replace(fresh, figures=(*fresh.figures[:first], *placed),
                   joint=Joint(fresh.notebook, runs, p_value), replicates=replicates)
