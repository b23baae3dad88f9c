"""What a result has learned: parameters by their names, and how well they fit."""
import functools
import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy

from .. import published
from ..errors import DataError
from ..settings import NOTEBOOKS
from ..terminal import WIDTH, printable
from .given import CHECKED
from .result import TrainResult, data_sha256, named

SCHEMA_VERSION = 1  # of what `to_json` writes
CONVERGED = 1.1  # up to so many times the loss of least squares
LAST = 6  # of that many epochs the losses tell whether they still fall
# How unlike features' deviations may be, and how many of those they may be from 0, before that is
# named as a cause: either makes one direction learn a hundred times as slowly as another.
SPREAD, FAR = 10, 3
SHOWN = 20  # so many parameters are printed


def r_squared(result: TrainResult) -> float | None:
    """The share of the labels' variance that the model explains: 1 for all of it.

    Parameters
    ----------
    result : TrainResult

    Returns
    -------
    float or None
        None where the labels are one value, or are no more where they were trained from.
    """
    labels, total, squares = result.labels, 0.0, 0.0
    if labels is None:
        return None
    try:
        first = labels[0]  # as large as they are, far from 0 or not
        for start in range(0, len(labels), CHECKED):
            block = numpy.asarray(labels[start:start + CHECKED], "float32").astype("float64")
            from_first = block - first
            total, squares = total + from_first.sum(), squares + (from_first**2).sum()
    except DataError:  # files that have changed since
        return None
    variance = squares / len(labels) - (total / len(labels))**2
    loss = result.epoch_losses[-1] / NOTEBOOKS[result.notebook].loss_factor
    return float(1 - loss / variance) if variance > 0 else None


@functools.lru_cache(maxsize=1)  # whatever is told of a result asks for it
def least_squares_loss(result: TrainResult) -> float | None:
    """The notebook's loss at the parameters for which it is least, in closed form.

    Parameters
    ----------
    result : TrainResult

    Returns
    -------
    float or None
        At least what parameters that float32 rounds can come to. None where the examples were left
        in files.
    """
    if not _in_memory(result):
        return None
    labels = numpy.asarray(result.labels, "float64")
    X = numpy.column_stack([numpy.asarray(result.features, "float64"), numpy.ones(len(labels))])
    residual = labels - X @ numpy.linalg.lstsq(X, labels, rcond=None)[0]
    # In float32 a step of less than half an ulp changes nothing
    rounding = numpy.finfo("float32").eps * labels / 2 / min(result.settings.learning_rate, 1)
    return NOTEBOOKS[result.notebook].loss_factor * float(max(
        (residual**2).mean(), (rounding**2).mean()))


def not_converged(result: TrainResult) -> str | None:
    """In words, by how much training on own data has not converged, and what to change.

    Parameters
    ----------
    result : TrainResult

    Returns
    -------
    str or None
        None if it has, on the notebook's own data, and where examples were left in files.
    """
    least = least_squares_loss(result) if result.w_error is None else None
    loss = result.epoch_losses[-1]
    if least is None or loss <= CONVERGED * least:
        return None
    changes = numpy.diff(result.epoch_losses[-LAST:])
    if not len(changes):
        remedy = "give more epochs, which also tell whether the learning rate is too high"
    elif max(changes) >= 0:
        remedy = "the loss goes up and down, so lower the learning rate, or take larger batches"
    else:
        remedy = "the loss still falls, so give more epochs, or a higher learning rate"
    features = numpy.asarray(result.features, "float64")
    means, deviations = abs(features.mean(axis=0)), features.std(axis=0)
    sizes = [1, *deviations]  # of what b is multiplied by, too
    if max(sizes) > SPREAD * min(sizes) or (means > FAR * deviations).any():
        remedy += ("; the features are of unlike size, or far from 0, and so learn at unlike "
                   "rates: subtract from each its mean, and divide by its standard deviation")
    return (f"Not converged: the loss, {loss:.4g}, is {loss / least:.3g} times that of least "
            f"squares, {least:.4g}; {remedy}.")


def lines(result: TrainResult) -> Iterator[str]:
    """What was learned, line by line."""
    names = list(result.columns or map(str, range(len(result.w))))
    if not result.columns or {"b", "loss", "R^2"} & set(names):  # which stand for others here
        names = [f"w[{name}]" for name in names]
    learned = list(zip([*names, "b"], [*result.w.tolist(), result.b], strict=True))
    if len(learned) > SHOWN:
        learned[SHOWN // 2:-1] = [(f"... {len(learned) - 1 - SHOWN // 2} more", None)]
    learned.append(("loss", result.epoch_losses[-1]))
    explained = r_squared(result) if result.w_error is None else None
    if explained is not None:
        learned.append(("R^2", explained))
    width = max(len(name) for name, _ in learned)
    yield from (f"{printable(name):<{width}}" + ("" if number is None else f"  {number: .6g}")
                for name, number in learned)
    if is_as_published(result):
        yield "These are all published figures of training."
    told = not_converged(result)
    if told:
        yield from textwrap.wrap(told, WIDTH)


def is_as_published(result: TrainResult) -> bool:
    """Whether it printed what the notebook printed when it was published."""
    return result.transcript == published.text(result.notebook, "training")


def to_json(result: TrainResult) -> str:
    """A result as JSON, without its examples and the losses of single batches.

    Parameters
    ----------
    result : TrainResult

    Returns
    -------
    str
        With `schema_version`, which changes where a name here is given up or means something else.
    """
    own = result.w_error is None
    values: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION, "notebook": result.notebook,
        "settings": asdict(result.settings), "columns": result.columns,
        "w": result.w.tolist(), "b": result.b, "loss": result.epoch_losses[-1],
        "r_squared": r_squared(result), "least_squares_loss": least_squares_loss(result),
        "not_converged": not_converged(result),
        "epoch_losses": result.epoch_losses, "moving_losses": result.moving_losses,
        "w_error": None if own else result.w_error.tolist(),  # type: ignore[union-attr]
        "b_error": result.b_error, "as_published": is_as_published(result),
        "ctx": named(result.ctx),
        "seconds": result.seconds, "transcript": result.transcript.splitlines(),
        "data_sha256": data_sha256(result), "order_sha256": result.order_sha256}
    return json.dumps(values, indent=1) + "\n"


def _in_memory(result: TrainResult) -> bool:
    return isinstance(result.labels, numpy.ndarray)
