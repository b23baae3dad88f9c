"""Training as the two notebooks do it: their settings, their loops, and what comes out."""
import math
import numbers
import operator
import time
from dataclasses import dataclass, field, replace
from typing import Callable, Optional, Tuple

import numpy

from . import d2l, loops, published, straight_dope
from ._mxnet import mx, numpy_semantics, seeded
from .contexts import as_context
from .data import as_examples, as_features
from .errors import DataError, DivergenceError
from .transcript import D2LTranscript, StraightDopeTranscript

TRUE_W, TRUE_B = (2, -3.4), 4.2  # both notebooks'


@dataclass(frozen=True)
class Settings:
    """How to train. `shuffle_seed` is None where the order is given or recovered."""

    learning_rate: float
    num_epochs: int
    batch_size: int
    shuffle_seed: Optional[int] = None


@dataclass(frozen=True)
class Notebook:
    """What a notebook fixes: its settings, its data and where its random stream starts."""

    settings: Settings
    num_examples: int
    seed: int
    init_params: Callable
    epochs: Callable
    loss: Callable
    transcript: Callable


NOTEBOOKS = {
    "d2l": Notebook(
        Settings(learning_rate=0.03, num_epochs=3, batch_size=10), num_examples=1000, seed=0,
        init_params=d2l.init_params, epochs=loops.d2l_epochs, loss=loops.d2l_loss,
        transcript=D2LTranscript),
    "straight_dope": Notebook(
        Settings(learning_rate=0.001, num_epochs=2, batch_size=4), num_examples=10000, seed=1,
        init_params=straight_dope.init_params, epochs=loops.straight_dope_epochs,
        loss=loops.straight_dope_loss, transcript=StraightDopeTranscript),
}


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
    ctx : mxnet.Context
        Where it was computed.
    seconds : float
        How long training took, data and set-up left out.
    transcript : str
        The lines that the notebook prints while it trains.
    batch_losses : numpy.ndarray, shape (steps,), float32
        The mean loss of each batch, before its step.
    features : numpy.ndarray, shape (num_examples, num_features), float32
    labels : numpy.ndarray, shape (num_examples,), float32
        The data trained on.
    """

    notebook: str
    settings: Settings
    w: numpy.ndarray
    b: float
    epoch_losses: Tuple[float, ...]
    moving_losses: Optional[Tuple[float, ...]]
    w_error: Optional[numpy.ndarray]
    b_error: Optional[float]
    ctx: mx.Context
    seconds: float
    transcript: str = field(repr=False)
    batch_losses: numpy.ndarray = field(repr=False)
    features: numpy.ndarray = field(repr=False)
    labels: numpy.ndarray = field(repr=False)

    def predict(self, X):
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
            If X cannot be read, or has another number of features.
        """
        X = as_features("X", X)
        if X.shape[1] != len(self.w):
            raise DataError("X has {} features, the model {}; give the same features as in "
                            "training".format(X.shape[1], len(self.w)))
        return X @ self.w + numpy.float32(self.b)

    def plot(self):
        """Draw the loss over time, and the fitted line over the data.

        The line runs along the last feature; what the model gives to the other features
        is taken off the labels, so that the line fits the points.

        Returns
        -------
        matplotlib.figure.Figure
            Of its own: pyplot and its backend are left alone.
        """
        from .plotting import plot

        return plot(self)


def train(notebook="d2l", *, data=None, ctx="auto", learning_rate=None, num_epochs=None,
          batch_size=None, shuffle_seed=None, order=None, verbose=True):
    """Train a linear regression as a notebook does, on the notebook's data or on yours.

    With nothing but the notebook's name it reproduces the published run, printed lines
    included. The authors' shuffles were never recorded: that run visits the examples in an
    order found by search, which is not the authors' own.

    Same arguments, same bits. Python's and NumPy's random generators are left alone, and
    MXNet's, whose state cannot be put back, goes on from a number it gave itself.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}, default "d2l"
        Whose steps, settings and data.
    data : (array_like, array_like), optional
        Features, shape (num_examples, num_features), and labels, shape (num_examples,):
        NumPy, `mx.np` or `mx.nd` arrays. By default the notebook's own data.
    ctx : str or mxnet.Context, default "auto"
        "auto" (a GPU if one works, else the CPU), "cpu", "gpu", "gpu(1)" or a context. Data
        and initial parameters are drawn on the CPU and moved there.
    learning_rate : float, optional
        Default 0.03 for d2l, 0.001 for straight_dope.
    num_epochs : int, optional
        Default 3 for d2l, 2 for straight_dope.
    batch_size : int, optional
        Default 10 for d2l, 4 for straight_dope.
    shuffle_seed : int, optional
        Seeds the shuffle. By default the recovered order, if data, batch size and number of
        epochs are the notebook's own, else 0.
    order : array_like of int, optional
        Instead of a shuffle, the rows in the order of visiting: for d2l of shape
        (num_epochs, num_examples), for straight_dope, which shuffles once, (num_examples,).
    verbose : bool, default True
        Whether to print what the notebook prints.

    Returns
    -------
    TrainResult

    Raises
    ------
    ValueError
        If an argument is not as above, before any work.
    DataError
        If `data` cannot be trained on (a ValueError too), before any work.
    ContextError
        If `ctx` cannot be read or is not there (a ValueError too), before any work.
    DivergenceError
        If a loss is not finite; the message says at which batch.

    Examples
    --------
    >>> from d2l_linreg import train
    >>> result = train()
    epoch 1, loss 0.040481
    epoch 2, loss 0.000160
    epoch 3, loss 0.000050
    Error in estimating w [4.0352345e-04 3.6478043e-05]
    Error in estimating b [0.00053549]
    """
    if notebook not in published.NOTEBOOKS:
        raise ValueError("notebook is {!r}; it must be one of {}".format(
            notebook, ", ".join(map(repr, published.NOTEBOOKS))))
    own = NOTEBOOKS[notebook]
    settings = _settings(own.settings, learning_rate, num_epochs, batch_size, shuffle_seed)
    examples = None if data is None else as_examples(data)
    num_examples = own.num_examples if data is None else len(examples[0])
    if notebook == "straight_dope" and settings.batch_size > num_examples:
        raise ValueError("batch_size is {}, but there are {} examples; MXNet's NDArrayIter needs "
                         "at least one batch of them".format(settings.batch_size, num_examples))
    order, settings = _order(notebook, settings, data is None, num_examples, order)
    ctx = as_context(ctx)

    with numpy_semantics(notebook == "d2l"):
        features, labels, w, b = (
            array.copyto(ctx) for array in _draw(notebook, own, examples))
        w.attach_grad()
        b.attach_grad()
        transcript = own.transcript(verbose)
        batch_losses, epoch_losses = [], []
        started = time.perf_counter()
        for epoch, losses in enumerate(own.epochs(features, labels, w, b, settings, order)):
            for batch, loss in enumerate(losses):
                _check_finite(loss, "at batch {} of epoch {}".format(batch, epoch), settings)
                batch_losses.append(loss)
                transcript.after_batch(epoch, batch, loss)
            loss = own.loss(features, labels, w, b)
            _check_finite(loss, "after epoch {}, at its batch {}".format(epoch, batch), settings)
            epoch_losses.append(loss)
            transcript.after_epoch(epoch, loss)
        seconds = time.perf_counter() - started
        w, b = (param.asnumpy().reshape(-1) for param in (w, b))
        w_error = b_error = None
        if data is None:
            w_error = numpy.array(TRUE_W, dtype="float32") - w
            b_error = numpy.float32(TRUE_B) - b
            transcript.after_training(w_error, b_error)
        return TrainResult(
            notebook=notebook, settings=settings, w=w, b=float(b[0]),
            epoch_losses=tuple(epoch_losses),
            moving_losses=transcript.moving_losses and tuple(transcript.moving_losses),
            w_error=w_error, b_error=None if b_error is None else float(b_error[0]),
            ctx=ctx, seconds=seconds, transcript=str(transcript),
            batch_losses=numpy.array(batch_losses, dtype="float32"),
            features=features.asnumpy(), labels=labels.asnumpy())


def _settings(own, learning_rate, num_epochs, batch_size, shuffle_seed):
    """The notebook's own settings, replaced by those given, which are checked."""
    given = {}
    if learning_rate is not None:
        if (not isinstance(learning_rate, numbers.Real) or isinstance(learning_rate, bool)
                or not 0 < learning_rate < math.inf):
            raise ValueError("learning_rate is {!r}; it must be a finite number above 0"
                             .format(learning_rate))
        given["learning_rate"] = float(learning_rate)
    for name, value, lowest in (("num_epochs", num_epochs, 1), ("batch_size", batch_size, 1),
                                ("shuffle_seed", shuffle_seed, 0)):
        if value is not None:
            given[name] = _integer(name, value, lowest)
    return replace(own, **given)


def _integer(name, value, lowest):
    try:
        integer = operator.index(value)
    except TypeError:
        integer = None
    if integer is None or isinstance(value, bool) or not lowest <= integer < 2**32:
        raise ValueError("{} is {!r}; it must be an integer from {} to {}"
                         .format(name, value, lowest, 2**32 - 1))
    return integer


def _order(notebook, settings, own_data, num_examples, order):
    """Each epoch's rows, or for straight_dope the one order of them, and settings as used."""
    own = NOTEBOOKS[notebook].settings
    once = notebook == "straight_dope"
    if order is not None:
        shape = (num_examples,) if once else (settings.num_epochs, num_examples)
        order = numpy.asarray(order)
        if settings.shuffle_seed is not None:
            raise ValueError("shuffle_seed and order are both given; leave one out")
        if order.shape != shape or (numpy.sort(order) != numpy.arange(num_examples)).any():
            raise ValueError("order has shape {}; it must be of shape {}, and hold each row from "
                             "0 to {} once an epoch".format(order.shape, shape, num_examples - 1))
        return order, settings
    if settings.shuffle_seed is None:
        if own_data and replace(settings, learning_rate=own.learning_rate) == own:
            return published.order(notebook), settings
        settings = replace(settings, shuffle_seed=0)
    shuffle = numpy.random.RandomState(settings.shuffle_seed).permutation
    if once:
        return shuffle(num_examples), settings
    return (shuffle(num_examples) for _ in range(settings.num_epochs)), settings


def _draw(notebook, own, examples):
    """Data and initial parameters, on the CPU, from the start of the notebook's stream."""
    with seeded(own.seed):
        if examples is not None:
            array = {"d2l": mx.np.array, "straight_dope": mx.nd.array}[notebook]
            features, labels = map(array, examples)
        elif notebook == "d2l":
            features, labels = d2l.synthetic_data(TRUE_W, TRUE_B, own.num_examples)
        else:
            features, labels = straight_dope.synthetic_data(own.num_examples)
        return (features, labels) + own.init_params(features.shape[1])


def _check_finite(loss, where, settings):
    if not math.isfinite(loss):
        raise DivergenceError(
            "the loss is {} {} (both counted from 0): learning_rate {} is too large for this "
            "data; lower it, or rescale the features".format(loss, where, settings.learning_rate))
