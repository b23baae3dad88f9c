r"""The vocabulary of "Linear Regression Implementation from Scratch" (d2l, 2019).

Labels are :math:`y = Xw + b + \epsilon`, the loss of one example is
:math:`(\hat y - y)^2 / 2`, and stochastic gradient descent moves each parameter by
:math:`-\eta / |B|` times its gradient, summed over the batch :math:`B`. All on `mxnet.np`;
names, argument names and their order are the notebook's.
"""
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .arguments import as_integer, as_truth, check_batches
from .compat.mxnet import mx
from .compat.streams import stream

np = mx.np


def synthetic_data(w: Any, b: Any, num_examples: int) -> tuple[mx.np.ndarray, mx.np.ndarray]:
    """Draw features, and labels that are linear in them but for noise.

    Features are standard normal, the noise has standard deviation 0.01. Both come from the
    stream that was `mx.np`'s in 2019 (in `as_published` from that of its era), from the seed that
    `mx.random.seed` had last: in a process that was not seeded, or seeded with 0, they are the
    published data.

    Parameters
    ----------
    w : array_like of float, shape (num_features,) or (num_features, num_outputs)
        True weights.
    b : float or array_like, shape () or (num_outputs,)
        True bias.
    num_examples : int
        How many examples to draw.

    Returns
    -------
    features : mxnet.np.ndarray, shape (num_examples, num_features), float32
    labels : mxnet.np.ndarray, shape (num_examples,) or (num_examples, num_outputs), float32

    Raises
    ------
    ArgumentError
        If an argument is not as above.
    """
    w, b, num_examples = as_truth(w, b, num_examples)
    features = stream("np").normal((num_examples, len(w)))
    noise = stream("np").normal((num_examples, *w.shape[1:]), scale=0.01)
    # Rounded to float32 once, as by a fused multiply-add, whatever the CPU has.
    labels = (features.astype("float64") @ w.astype("float64")).astype("float32")
    return np.array(features), np.array(labels + b + noise)


def data_iter(batch_size: int, features: mx.np.ndarray, labels: mx.np.ndarray, *,
              order: Sequence[int] | None = None) -> Iterator[tuple[mx.np.ndarray, mx.np.ndarray]]:
    """Go through the examples once, a mini-batch at a time.

    Parameters
    ----------
    batch_size : int
        Examples in a batch; the last batch has what is left.
    features : array_like, shape (num_examples, num_features)
    labels : array_like, shape (num_examples,) or (num_examples, num_outputs)
    order : sequence of int, optional
        The rows to visit, in order. By default all of them, as Python's `random.shuffle`
        orders them.

    Yields
    ------
    X : mxnet.np.ndarray, shape (batch, num_features)
    y : mxnet.np.ndarray, shape (batch,)

    Raises
    ------
    ArgumentError
        If `batch_size` is no positive integer, there is not one label a row, or `order` names
        a row that is not there.
    """
    check_batches(batch_size, features, labels, order)
    features, labels = (array if isinstance(array, np.ndarray) else np.array(array)
                        for array in (features, labels))
    if order is None:
        order = list(range(len(features)))
        random.shuffle(order)
    for start in range(0, len(order), batch_size):
        rows = np.array(order[start:start + batch_size], dtype="int32", ctx=features.ctx)
        yield features.take(rows, axis=0), labels.take(rows, axis=0)


def init_params(num_features: int = 2) -> tuple[mx.np.ndarray, mx.np.ndarray]:
    """Draw initial parameters and give them gradients.

    Parameters
    ----------
    num_features : int, default 2

    Returns
    -------
    w : mxnet.np.ndarray, shape (num_features, 1)
        Normal with standard deviation 0.01, from the same stream as the data.
    b : mxnet.np.ndarray, shape (1,)
        Zero.
    """
    num_features = as_integer("num_features", num_features, 1)
    w = np.array(stream("np").normal((num_features, 1), scale=0.01))
    b = np.zeros(1)
    w.attach_grad()
    b.attach_grad()
    return w, b


def linreg(X: mx.np.ndarray, w: mx.np.ndarray, b: mx.np.ndarray) -> mx.np.ndarray:
    """The model: :math:`Xw + b`.

    Parameters
    ----------
    X : mxnet.np.ndarray, shape (batch, num_features)
    w : mxnet.np.ndarray, shape (num_features, 1)
    b : mxnet.np.ndarray, shape (1,)

    Returns
    -------
    mxnet.np.ndarray, shape (batch, 1)
    """
    return np.dot(X, w) + b


def squared_loss(y_hat: mx.np.ndarray, y: mx.np.ndarray) -> mx.np.ndarray:
    """Half the squared error, for each example.

    The square is exact, as the notebook's `** 2` was when C libraries' `powf` took 2 for a case of
    its own; with today's it is an ulp off once in a thousand.

    Parameters
    ----------
    y_hat : mxnet.np.ndarray, shape (batch, 1)
        Predictions.
    y : mxnet.np.ndarray, shape (batch,) or (batch, 1)
        Labels.

    Returns
    -------
    mxnet.np.ndarray, shape of y_hat
    """
    return np.square(y_hat - y.reshape(y_hat.shape)) / 2


def sgd(params: Iterable[mx.np.ndarray], lr: float, batch_size: int) -> None:
    """Step each parameter, in place, against its gradient.

    Parameters
    ----------
    params : iterable of mxnet.np.ndarray
        Parameters whose `grad` holds the gradient of the batch's summed loss.
    lr : float
        Learning rate.
    batch_size : int
        What the summed gradient is divided by.
    """
    for param in params:
        param[:] = param - lr * param.grad / batch_size


FORMATS = ("svg", "png")  # Jupyter shows SVG only in a notebook that is trusted


def use_svg_display() -> None:
    """Have Jupyter show figures as SVG, and keep a PNG; outside Jupyter, do nothing."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats(*FORMATS)


def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """Show figures as SVG, in this size.

    Parameters
    ----------
    figsize : tuple of float, default (3.5, 2.5)
        Width and height in inches.
    """
    use_svg_display()
    _pyplot().rcParams["figure.figsize"] = figsize


def _pyplot() -> Any:
    import matplotlib.pyplot

    return matplotlib.pyplot


def __getattr__(name: str) -> Any:  # `plt` is matplotlib.pyplot, imported by whoever asks for it
    if name == "plt":
        return _pyplot()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# What both notebooks have, under the names that both modules share

TRUE_W, TRUE_B = (2, -3.4), 4.2
array = np.array


def own_data(num_examples: int) -> tuple[mx.np.ndarray, mx.np.ndarray]:
    """The notebook's features and labels, from where the random stream stands."""
    return synthetic_data(TRUE_W, TRUE_B, num_examples)


def batches(batch_size: int, features: mx.np.ndarray, labels: mx.np.ndarray,
            order: Sequence[int]) -> Iterator[tuple[mx.np.ndarray, mx.np.ndarray]]:
    """The mini-batches of one epoch, in an order of the rows."""
    return data_iter(batch_size, features, labels, order=order)


def forward(X: mx.np.ndarray, y: mx.np.ndarray, w: mx.np.ndarray,
            b: mx.np.ndarray) -> mx.np.ndarray:
    """What training differentiates: the losses of a batch, whose gradients add up."""
    return squared_loss(linreg(X, w, b), y)


def step(params: Iterable[mx.np.ndarray], lr: float, batch_size: int) -> None:
    """The notebook's step, against gradients of what `forward` gives."""
    sgd(params, lr, batch_size)


def outputs(data: Callable[[], tuple[mx.np.ndarray, mx.np.ndarray]], batch_size: int,
            order: Sequence[int]) -> dict[str, Callable[[], str]]:
    """What the notebook's cells print before training: by their names, functions to the texts.

    Parameters
    ----------
    data : callable
        To features and labels.
    batch_size : int
    order : sequence of int
        The rows of the data; those of the printed mini-batch come first.

    Returns
    -------
    dict of str to callable
    """
    def example() -> str:
        features, labels = data()
        return f"features: {features[0]!s} \nlabel: {labels[0]!s}\n"

    def mini_batch() -> str:
        X, y = next(data_iter(batch_size, *data(), order=order))
        return f"X =\n{X!s}\ny =\n{y!s}\n"

    return {"example": example, "mini-batch": mini_batch}
