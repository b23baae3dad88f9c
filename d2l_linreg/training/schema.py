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
from .transcript import Transcript


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


def _are_losses(value: Any) -> bool:
    return _is_float32(1)(value) and bool((value >= 0).all())


def _is_in_float32(value: Any) -> bool:
    with numpy.errstate(over="ignore"):
        return (isinstance(value, float) and math.isfinite(value)
                and value == float(numpy.float32(value)))


def _is_loss(value: Any) -> bool:
    return isinstance(value, float) and 0 <= value < math.inf


def _are_names(value: Any) -> bool:
    return (isinstance(value, list) and all(isinstance(name, str) and name for name in value)
            and len(set(value)) == len(value))


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


def _are_errors(file: dict[str, Any]) -> bool:
    """Whether errors are the notebook's truth less what was learned, or there are none."""
    if file["w_error"] is None or file["b_error"] is None:
        return file["w_error"] is file["b_error"]
    truth = NOTEBOOKS[file["notebook"]].vocabulary
    true_w = numpy.array(truth.TRUE_W, "float32")
    return (true_w.shape == file["w"].shape
            and numpy.array_equal(file["w_error"], true_w - file["w"])
            and file["b_error"] == numpy.float32(truth.TRUE_B) - numpy.float32(file["b"]))


def _is_transcript(file: dict[str, Any]) -> bool:
    """Whether the lines are those that its notebook makes of the losses, with lines of errors."""
    own = NOTEBOOKS[file["notebook"]]
    told, averages = Transcript(own, verbose=False), iter(file["moving_losses"] or ())
    for epoch, loss in enumerate(file["epoch_losses"]):
        for batch in own.averages_due(0, _per_epoch(file)):
            told.average(epoch, batch, next(averages))
        told.epoch(epoch, loss)
    if file["w_error"] is not None:
        told.errors(file["w_error"], numpy.array([file["b_error"]], "float32"))
    return file["transcript"] == str(told)



A_FLOAT32 = Rule(_is_in_float32, "a finite number, as float32 holds it")
A_LOSS = Rule(_is_loss, "a finite number from 0 on")
LOSSES = Rule(lambda value: isinstance(value, list) and all(map(_is_loss, value)),
              "finite numbers from 0 on")
BATCH_LOSSES = Rule(_are_losses, "finite float32 numbers from 0 on in one dimension")
VECTOR = Rule(_is_float32(1), "finite float32 numbers in one dimension")
MATRIX = Rule(_is_float32(2), "finite float32 numbers in two dimensions")
SECONDS = Rule(_is_loss, "a time")
SHA256 = Rule(_is_sha256, "a sha256", optional=True)  # versions before 0.2.0 had none

RESULT = Schema({
    "notebook": Rule(lambda value: isinstance(value, str) and value in NOTEBOOKS,
                     " or ".join(map(repr, NOTEBOOKS))),
    "settings": Rule(_are_settings, "settings as train takes them"),
    "w": VECTOR,
    "b": A_FLOAT32,
    "epoch_losses": LOSSES,
    "moving_losses": LOSSES._replace(optional=True),
    "w_error": VECTOR._replace(optional=True),
    "b_error": A_FLOAT32._replace(optional=True),
    "ctx": Rule(_is_ctx, "a device as 'cpu(0)', or several"),
    "seconds": SECONDS,
    "transcript": Rule(lambda value: isinstance(value, str), "text"),
    "batch_losses": BATCH_LOSSES,
    "features": MATRIX._replace(optional=True),
    "labels": VECTOR._replace(optional=True),
    "data_sha256": SHA256,
    "order_sha256": SHA256,
    "columns": Rule(_are_names, "names, of which no two are the same", optional=True),
}, {
    "epoch_losses": Rule(lambda file: len(file["epoch_losses"]) == file["settings"]["num_epochs"],
                         "one an epoch"),
    "w_error": Rule(_are_errors, "the true weights less w, with b_error, or both None"),
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
    "transcript": Rule(_is_transcript, "what the notebook prints of those losses and errors"),
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
    "batch_losses": BATCH_LOSSES,
    "epoch_losses": LOSSES,
    "moving_loss": A_LOSS,
    "moving_losses": LOSSES,
    "seconds": SECONDS,
}, {  # the rest shows when its run comes to where it stands: `Checkpoint.go_on`
    "segments": Rule(lambda file: file["segments"] <= len(file["batch_losses"]),
                     "no more than there are losses of batches"),
})

SCHEMAS = {"TrainResult": RESULT, "checkpoint": CHECKPOINT}
