"""What each kind of file of ours holds, field by field, and how its fields agree."""
import math
import re
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy

from ..settings import NOTEBOOKS, Settings, chosen
from .given import fingerprint


class Rule(NamedTuple):
    """What a field must be.

    Attributes
    ----------
    holds : callable
        Whether it is so, of its value; where fields must agree, of a dict of all of them.
    words : str
        The same in words, for an error.
    optional : bool
        Whether the field may be None, or not there.
    """

    holds: Callable[[Any], bool]
    words: str
    optional: bool = False


@dataclass(frozen=True)
class Schema:
    """The rules of a kind of file.

    Attributes
    ----------
    fields : dict of str to Rule
        Of each field by itself; there are no others.
    agreement : dict of str to Rule
        Of fields beside others, which hold by themselves.
    """

    fields: dict[str, Rule]
    agreement: dict[str, Rule]

    def wrong(self, values: dict[str, Any]) -> str | None:
        """What is wrong first, in words; None if nothing is."""
        for name in values:
            if name not in self.fields:
                return f"it has {reprlib.repr(name)}, too"
        values = {**dict.fromkeys(self.fields), **values}
        for name, rule in self.fields.items():
            absent = rule.optional and values[name] is None
            if not absent and not rule.holds(values[name]):
                return f"its {name} is {shown(values[name])}; it must be {rule.words}"
        for name, rule in self.agreement.items():
            if not rule.holds(values):
                return f"its {name} is {shown(values[name])}; it must be {rule.words}"
        return None


def shown(value: Any) -> str:
    """A value in an error: of an array what it is, of what is long its beginning."""
    if isinstance(value, numpy.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return reprlib.repr(value)


def _is_float32(num_dimensions: int) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, numpy.ndarray) and value.dtype == numpy.dtype("float32")
        and value.ndim == num_dimensions and value.size > 0 and bool(numpy.isfinite(value).all()))


def _is_float(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _are_floats(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_float, value))


def _are_lines(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(line, str) and line.isprintable() for line in value)


def _are_names(value: Any) -> bool:
    return (isinstance(value, list) and all(isinstance(name, str) and name for name in value)
            and len(set(value)) == len(value))


def _is_transcript(value: Any) -> bool:
    return isinstance(value, str) and value[-1:] in ("", "\n") and _are_lines(value.split("\n"))


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _are_settings(value: Any) -> bool:
    try:
        numbers = {name: number for name, number in value.items() if name != "shuffle_seed"}
        return None not in numbers.values() and chosen(
            Settings(**value), **value) == Settings(**value)
    except (AttributeError, TypeError, ValueError):
        return False


CONTEXT = re.compile(r"(cpu|gpu|cpu_pinned|cpu_shared)\(([0-9]{1,9})\)")


def _is_ctx(value: Any) -> bool:
    names = value if isinstance(value, list) and len(value) > 1 else [value]
    return (all(isinstance(name, str) and CONTEXT.fullmatch(name) for name in names)
            and len(set(names)) == len(names))


def _per_epoch(file: dict[str, Any]) -> int:
    """How many batches are in an epoch."""
    return len(file["batch_losses"]) // file["settings"]["num_epochs"]


def _fill_an_epoch(file: dict[str, Any]) -> bool:
    """Whether that many batches take the examples once: of one worker, or as many as fit."""
    examples, batches = len(file["labels"]), _per_epoch(file)
    batch_size = file["settings"]["batch_size"]
    if batches == 0:
        return False
    workers = -(-examples // (batches * batch_size))
    return batches == -(-examples // (workers * batch_size))


def _averages(file: dict[str, Any]) -> int | None:
    """How many moving averages its notebook prints; None if it keeps none."""
    every = NOTEBOOKS[file["notebook"]].averages_every
    return None if every is None else file["settings"]["num_epochs"] * (_per_epoch(file) // every)


def _lines(file: dict[str, Any]) -> int:
    """How many lines its notebook prints."""
    own = NOTEBOOKS[file["notebook"]]
    return ((len(file["epoch_losses"]) if own.epoch_line else 0) + (_averages(file) or 0)
            + (len(own.error_lines) if file["w_error"] is not None else 0))


A_FLOAT = Rule(_is_float, "a finite number")
FLOATS = Rule(_are_floats, "finite numbers")
VECTOR = Rule(_is_float32(1), "finite float32 numbers in one dimension")
MATRIX = Rule(_is_float32(2), "finite float32 numbers in two dimensions")
SECONDS = Rule(lambda value: _is_float(value) and value >= 0, "a time")
SHA256 = Rule(_is_sha256, "a sha256", optional=True)  # versions before 0.2.0 had none

RESULT = Schema({
    "notebook": Rule(lambda value: isinstance(value, str) and value in NOTEBOOKS,
                     " or ".join(map(repr, NOTEBOOKS))),
    "settings": Rule(_are_settings, "settings as train takes them"),
    "w": VECTOR,
    "b": A_FLOAT,
    "epoch_losses": FLOATS,
    "moving_losses": FLOATS._replace(optional=True),
    "w_error": VECTOR._replace(optional=True),
    "b_error": A_FLOAT._replace(optional=True),
    "ctx": Rule(_is_ctx, "a device as 'cpu(0)', or several"),
    "seconds": SECONDS,
    "transcript": Rule(_is_transcript, "lines of printable text"),
    "batch_losses": VECTOR,
    "features": MATRIX._replace(optional=True),
    "labels": VECTOR._replace(optional=True),
    "data_sha256": SHA256,
    "order_sha256": SHA256,
    "columns": Rule(_are_names, "names, of which no two are the same", optional=True),
}, {
    "epoch_losses": Rule(lambda file: len(file["epoch_losses"]) == file["settings"]["num_epochs"],
                         "one an epoch"),
    "w_error": Rule(
        lambda file: (file["w_error"] is None) == (file["b_error"] is None)
        and (file["w_error"] is None or len(file["w_error"]) == len(file["w"])),
        "one number a weight, with b_error, or both None"),
    "features": Rule(
        lambda file: file["features"] is None or file["features"].shape[1] == len(file["w"]),
        "as many a row as there are weights"),
    "columns": Rule(
        lambda file: file["columns"] is None or len(file["columns"]) == len(file["w"]),
        "one a weight"),
    "labels": Rule(
        lambda file: (file["labels"] is None) == (file["features"] is None)
        and (file["labels"] is None or len(file["labels"]) == len(file["features"])),
        "one a row of features, or both None"),
    "batch_losses": Rule(
        lambda file: len(file["batch_losses"]) % file["settings"]["num_epochs"] == 0
        and (file["labels"] is None or _fill_an_epoch(file)),
        "one a batch, as many each epoch"),
    "moving_losses": Rule(
        lambda file: _averages(file) == (
            None if file["moving_losses"] is None else len(file["moving_losses"])),
        "as many as the notebook prints, or None if it prints none"),
    "transcript": Rule(lambda file: file["transcript"].count("\n") == _lines(file),
                       "as many lines as the notebook prints"),
    "data_sha256": Rule(
        lambda file: file["data_sha256"] is None or file["features"] is None
        or file["data_sha256"] == fingerprint(file["features"], file["labels"]),
        "that of features and labels"),
    "order_sha256": Rule(
        lambda file: None in (file["order_sha256"], file["settings"].get("shuffle_seed")),
        "None beside a shuffle_seed"),
})

CHECKPOINT = Schema({
    "run": Rule(lambda value: isinstance(value, dict), "what its run is told by"),
    "segments": Rule(lambda value: type(value) is int and value > 0, "an integer above 0"),
    "w": MATRIX,
    "b": VECTOR,
    "batch_losses": VECTOR,
    "epoch_losses": FLOATS,
    "lines": Rule(_are_lines, "lines of printable text"),
    "moving_loss": A_FLOAT,
    "moving_losses": FLOATS,
    "seconds": SECONDS,
}, {  # the rest shows when its run comes to where it stands: `Checkpoint.go_on`
    "segments": Rule(lambda file: file["segments"] <= len(file["batch_losses"]),
                     "no more than there are losses of batches"),
})

SCHEMAS = {"TrainResult": RESULT, "checkpoint": CHECKPOINT}
