"""A report's pictures, and how they get into a page that needs no other file."""
import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy
from matplotlib.figure import Figure

from ..compat.pictures import pictures_of_then
from . import figures as printed

BAND = 0.025, 0.975  # the quantiles of the replicates between which the band lies
BLUE, RED, GREY = "#0072b2", "#b34700", "#86a9bf"  # told apart by the colour-blind, too


def uri(kind: str, content: bytes) -> str:
    """A picture as a data: URI.

    Parameters
    ----------
    kind : {"png", "svg+xml"}
    content : bytes

    Returns
    -------
    str
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def png(drawing: Figure) -> str:
    """The URI of a matplotlib.figure.Figure as pixels, for one of many points."""
    file = io.BytesIO()
    drawing.savefig(file, format="png", dpi=drawing.dpi, bbox_inches="tight")
    return uri("png", file.getvalue())


def svg(drawing: Figure) -> str:
    """The URI of a matplotlib.figure.Figure as lines, on whatever a page has behind it."""
    file = io.BytesIO()
    drawing.savefig(file, format="svg", metadata={"Date": None}, bbox_inches="tight",
                    transparent=True)
    return uri("svg+xml", file.getvalue())


def scatter(features: numpy.ndarray, labels: numpy.ndarray,
            figsize: tuple[float, float] | None = None,
            size: float | None = None) -> Figure:
    """The labels over the second feature, drawn as the notebook drew them.

    Parameters
    ----------
    features : numpy.ndarray, shape (num_examples, 2)
    labels : numpy.ndarray, shape (num_examples,)
    figsize : tuple of float, optional
        Inches; by default Jupyter's of then.
    size : float, optional
        Of a point; by default matplotlib's.

    Returns
    -------
    matplotlib.figure.Figure
    """
    with pictures_of_then():
        drawing = Figure(figsize)
        drawing.subplots().scatter(features[:, 1], labels, size)
    return drawing


def curve(figures: Sequence[printed.Figure], losses: numpy.ndarray | None, every: int,
          xlabel: str, ylabel: str) -> Figure:
    """A loss over the time of training: published, reproduced, and the band of the replicates.

    Below it the same divided by the replicates' median, for the band is narrow.

    Parameters
    ----------
    figures : sequence of Figure
        In the order of time.
    losses : numpy.ndarray, shape (runs, figures), or None
        Of the replicates.
    every : int
        What lies between two figures, in units of `xlabel`.
    xlabel, ylabel : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    published = [float(figure.published) for figure in figures]
    reproduced = [float(figure.reproduced or "nan") for figure in figures]
    time = every * numpy.arange(1, len(figures) + 1)
    drawing = Figure((4.6, 2.8 if losses is None else 4.8), constrained_layout=True)
    panels = drawing.subplots(1 if losses is None else 2, sharex=True, squeeze=False)[:, 0]
    units: list[Any] = [1]
    if losses is not None:
        low, median, high = numpy.quantile(losses, [BAND[0], 0.5, BAND[1]], axis=0)
        units.append(median)
    for axes, unit in zip(panels, units, strict=True):
        if losses is not None:
            axes.fill_between(time, low / unit, high / unit, color=GREY, label="replicates")
        axes.plot(time, numpy.divide(reproduced, unit), color=BLUE, label="reproduced")
        axes.plot(time, numpy.divide(published, unit), "o", color="black", fillstyle="none",
                  label="published")
        axes.set_xticks(time[::-(-len(time) // 5) or 1])
    panels[0].set(yscale="log", ylabel=ylabel)
    panels[0].legend()
    if losses is not None:
        panels[1].set_ylabel("loss / replicates' median")
    panels[-1].set_xlabel(xlabel)
    return drawing


def histogram(errors: numpy.ndarray, mark: float | None, marked: str, xlabel: str) -> Figure:
    """How a final error is distributed over the replicates, with one value marked.

    Parameters
    ----------
    errors : numpy.ndarray, shape (runs,)
    mark : float or None
    marked : str
        What the mark is.
    xlabel : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    drawing = Figure((3.5, 2.5), constrained_layout=True)
    axes = drawing.subplots()
    axes.hist(errors[numpy.isfinite(errors)], 30, color=GREY, edgecolor="white", linewidth=0.3)
    if mark is not None:
        axes.axvline(mark, color=RED, linestyle="--", label=marked)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, frameon=False)
    axes.set(xlabel=xlabel, ylabel="replicates")
    axes.locator_params(axis="x", nbins=5)
    axes.ticklabel_format(axis="x", scilimits=(0, 0))
    return drawing

