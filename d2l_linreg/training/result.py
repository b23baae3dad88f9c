"""What training comes to."""
import functools
import reprlib
import warnings
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy

from ..compat.mxnet import mx
from ..errors import DataError
from ..settings import Settings
from . import storage
from .columns import columns_of
from .given import as_features, fingerprint
from .npy import NpyFile
from .schema import CONTEXT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 10000  # at most so many are drawn, evenly picked
KIND = "TrainResult"  # of the files that hold one
ARRAYS = ("w", "w_error", "batch_losses", "features", "labels")


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What training came to.

    Attributes
    ----------
    notebook : str
        "d2l" or "straight_dope".
    settings : Settings
        learning_rate, num_epochs, batch_size and shuffle_seed as used.
    w : numpy.ndarray, shape (num_features,), float32
        Estimated weights.
    b : float
        Estimated bias.
    epoch_losses : tuple of float
        After each epoch, the notebook's loss, averaged over all examples.
    moving_losses : tuple of float, or None
        straight_dope's moving average of the batch losses, every 500 batches; None for d2l.
    w_error : numpy.ndarray, shape (num_features,), float32, or None
        True minus estimated weights; None where the truth is unknown.
    b_error : float or None
        True minus estimated bias.
    ctx : mxnet.Context or tuple of mxnet.Context
        Where it was computed; a tuple if on several devices.
    seconds : float
        How long training took, data and set-up left out.
    transcript : str
        The lines that the notebook prints while it trains.
    batch_losses : numpy.ndarray, shape (steps,), float32
        The mean loss of each batch, before its step.
    features : numpy.ndarray, shape (num_examples, num_features), float32, or None
    labels : numpy.ndarray, shape (num_examples,), float32, or None
        The data trained on. Where they stayed in files, `numpy.asarray` reads them, or a slice of
        them, as long as the files do not change; None where such a result was loaded.
    order_sha256 : str or None
        The sha256 of the order of the examples; None where they were shuffled by `shuffle_seed`.
    columns : tuple of str or None
        The features' names, where they came in a table that has them.
    """

    notebook: str
    settings: Settings
    w: numpy.ndarray
    b: float
    epoch_losses: tuple[float, ...]
    moving_losses: tuple[float, ...] | None
    w_error: numpy.ndarray | None
    b_error: float | None
    ctx: "mx.Context | tuple[mx.Context, ...]"
    seconds: float
    transcript: str = field(repr=False)
    batch_losses: numpy.ndarray = field(repr=False)
    features: numpy.ndarray | NpyFile | None = field(repr=False)
    labels: numpy.ndarray | NpyFile | None = field(repr=False)
    order_sha256: str | None = field(default=None, repr=False)
    columns: tuple[str, ...] | None = None

    @functools.cached_property
    def data_sha256(self) -> str | None:
        """The sha256 of features and labels: their shapes, types and bytes.

        It is computed when it is first asked for, or the result is saved; large files take
        their time. None where examples stayed in files and a version before 0.2.0 saved it, or
        they had changed by then; it is a DataError if they changed since and are now asked for.
        """
        if self.features is None or self.labels is None:
            return None
        return fingerprint(self.features, self.labels)

    def predict(self, X: Any) -> numpy.ndarray:
        """Labels that the fitted model gives.

        Parameters
        ----------
        X : array_like, shape (num_examples, num_features)

        Returns
        -------
        numpy.ndarray, shape (num_examples,), float32

        Raises
        ------
        DataError
            If X cannot be read, has another number of features, or names them otherwise.
        """
        features = as_features("X", X)
        columns = columns_of(X)
        if None not in (columns, self.columns) and columns != self.columns:
            raise DataError(f"X has the columns {_listed(columns)}, but the model "
                            f"{_listed(self.columns)}; give the same, in that order")
        if features.shape[1] != len(self.w):
            raise DataError(f"X has {features.shape[1]} features, the model {len(self.w)}; give "
                            "the same features as in training")
        return features @ self.w + numpy.float32(self.b)

    def plot(self) -> "Figure":
        """Draw the loss over time, and the fitted line over the data.

        The line runs along the last feature; what the model gives to the other features
        is taken off the labels, so that the line fits the points.

        Returns
        -------
        matplotlib.figure.Figure
            Of its own: pyplot and its backend are left alone.

        Raises
        ------
        DataError
            If the result was loaded and its examples were in files.
        """
        if self.features is None or self.labels is None:
            raise DataError("the result was loaded without its examples, which were in files; "
                            "train again, or plot before saving")
        from matplotlib.figure import Figure  # not pyplot, which would choose a backend

        figure = Figure(figsize=(9, 3.5), constrained_layout=True)
        loss_axes, fit_axes = figure.subplots(1, 2)
        steps = len(self.batch_losses)
        per_epoch = steps // len(self.epoch_losses)
        loss_axes.semilogy(range(1, steps + 1), self.batch_losses, linewidth=0.5, alpha=0.5,
                           label="of each batch")
        loss_axes.semilogy(range(per_epoch, steps + 1, per_epoch), self.epoch_losses, "o",
                           label="over all examples")
        loss_axes.set(xlabel="steps", ylabel="loss", title=self.notebook)
        loss_axes.legend()

        every = -(-len(self.labels) // POINTS)
        features = numpy.asarray(self.features[::every])
        x, others = features[:, -1], features[:, :-1] @ self.w[:-1]
        ends = numpy.array([x.min(), x.max()])
        fit_axes.scatter(x, numpy.asarray(self.labels[::every]) - others, s=1)
        fit_axes.plot(ends, self.w[-1] * ends + self.b, "C1",
                      label=f"{self.w[-1]:.4g} x + {self.b:.4g}")
        alone = len(self.w) == 1
        fit_axes.set(xlabel="feature" if alone else "last feature",
                     ylabel="label" if alone else "label less the other features' part")
        fit_axes.legend()
        return figure

    def save(self, path: Any) -> None:
        """Write the result to a file, whole or not at all; `storage` describes the format.

        The file holds the arrays w, w_error, batch_losses, features and labels, those of
        them that are not None, and all else as JSON. Examples that are in files stay there.

        Parameters
        ----------
        path : str

        Raises
        ------
        OSError
            If it cannot be written; then what was there is still there.
        """
        arrays = {name: array for name in ARRAYS if (array := getattr(self, name)) is not None
                  and not isinstance(array, NpyFile)}
        text = {name: getattr(self, name) for name in self.__dataclass_fields__
                if name not in ARRAYS}
        text.update(settings=asdict(self.settings), ctx=named(self.ctx),
                    data_sha256=data_sha256(self))
        storage.save(path, KIND, arrays, text)

    @classmethod
    def load(cls, path: Any) -> "TrainResult":
        """Read a result that `save` wrote.

        Parameters
        ----------
        path : str

        Returns
        -------
        TrainResult
            With the same bits; `ctx` names where it was computed, be it here or not.

        Raises
        ------
        DataError
            If the file cannot be read, is no such file, is not as it was written, or holds what
            no result is.
        """
        values = storage.load(path, KIND)
        data_sha256 = values.pop("data_sha256")
        for name in ("epoch_losses", "moving_losses", "columns"):
            values[name] = None if values.get(name) is None else tuple(values[name])
        ctx = values["ctx"]
        values.update(settings=Settings(**values["settings"]),
                      ctx=tuple(map(_context, ctx)) if isinstance(ctx, list) else _context(ctx))
        loaded = cls(**values)
        if data_sha256 is not None:
            vars(loaded)["data_sha256"] = data_sha256
        return loaded


def data_sha256(result: TrainResult) -> str | None:
    """A result's `data_sha256`; None, with a warning, where files have changed since."""
    try:
        return result.data_sha256
    except DataError as error:  # which is no reason to lose the result
        warnings.warn(f"saved without data_sha256: {error}", stacklevel=3)
        return None


def _listed(columns: tuple[str, ...] | None) -> str:
    return reprlib.repr(list(columns or ()))


def named(ctx: "mx.Context | tuple[mx.Context, ...]") -> str | list[str]:
    """A context by its name, or several by theirs, as JSON can hold them."""
    return list(map(str, ctx)) if isinstance(ctx, tuple) else str(ctx)


def _context(name: str) -> mx.Context:
    """A context by its name, be it here or not."""
    device, number = CONTEXT.fullmatch(name).groups()  # type: ignore[union-attr]
    return mx.Context(device, int(number))
