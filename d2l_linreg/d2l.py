"""The vocabulary of "Linear Regression Implementation from Scratch" (d2l, 2019).

Labels are :math:`y = Xw + b + \\epsilon`, the loss of one example is
:math:`(\\hat y - y)^2 / 2`, and stochastic gradient descent moves each parameter by
:math:`-\\eta / |B|` times its gradient, summed over the batch :math:`B`. All on `mxnet.np`;
names, argument names and their order are the notebook's.
"""
import random
import sys

from .compat.mxnet import mx
from .settings import as_integer, check_batches
from .compat.streams import normal_2019

np = mx.np


def synthetic_data(w, b, num_examples):
    """Draw features, and labels that are linear in them but for noise.

    Features are standard normal, the noise has standard deviation 0.01. Both come from
    MXNet's process-wide generator, by the stream that was `mx.np`'s in 2019: in a process
    that was not seeded, or seeded with 0, they are the published data.

    Parameters
    ----------
    w : mxnet.np.ndarray or sequence of float, length num_features
        True weights.
    b : float
        True bias.
    num_examples : int
        How many examples to draw.

    Returns
    -------
    features : mxnet.np.ndarray, shape (num_examples, num_features), float32
    labels : mxnet.np.ndarray, shape (num_examples,), float32
    """
    num_examples = as_integer("num_examples", num_examples, 1)
    w = np.array(w, dtype="float32")
    features = normal_2019((num_examples, len(w)))
    noise = normal_2019((num_examples,), scale=0.01)
    # Rounded to float32 once, as by a fused multiply-add, whatever the CPU has.
    labels = np.dot(features.astype("float64"), w.astype("float64")).astype("float32")
    return features, labels + b + noise


def data_iter(batch_size, features, labels, *, order=None):
    """Go through the examples once, a mini-batch at a time.

    Parameters
    ----------
    batch_size : int
        Examples in a batch; the last batch has what is left.
    features : mxnet.np.ndarray, shape (num_examples, num_features)
    labels : mxnet.np.ndarray, shape (num_examples,)
    order : sequence of int, optional
        The rows to visit, in order. By default all of them, as Python's `random.shuffle`
        orders them.

    Yields
    ------
    X : mxnet.np.ndarray, shape (batch, num_features)
    y : mxnet.np.ndarray, shape (batch,)

    Raises
    ------
    ValueError
        If `batch_size` is no positive integer, there is not one label a row, or `order` names
        a row that is not there.
    """
    check_batches(batch_size, features, labels, order)
    if order is None:
        order = list(range(len(features)))
        random.shuffle(order)
    for start in range(0, len(order), batch_size):
        rows = np.array(order[start:start + batch_size], dtype="int32", ctx=features.ctx)
        yield features.take(rows, axis=0), labels.take(rows, axis=0)


def init_params(num_features=2):
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
    w = normal_2019((as_integer("num_features", num_features, 1), 1), scale=0.01)
    b = np.zeros(1)
    w.attach_grad()
    b.attach_grad()
    return w, b


def linreg(X, w, b):
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


def squared_loss(y_hat, y):
    """Half the squared error, for each example.

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
    residual = y_hat - y.reshape(y_hat.shape)
    return residual ** 2 / 2


def sgd(params, lr, batch_size):
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


def use_svg_display():
    """Have Jupyter show figures as SVG; outside Jupyter, do nothing."""
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg")


def set_figsize(figsize=(3.5, 2.5)):
    """Show figures as SVG, in this size.

    Parameters
    ----------
    figsize : tuple of float, default (3.5, 2.5)
        Width and height in inches.
    """
    use_svg_display()
    _pyplot().rcParams["figure.figsize"] = figsize


def _pyplot():
    import matplotlib.pyplot

    return matplotlib.pyplot


def __getattr__(name):  # `plt` is matplotlib.pyplot, imported by whoever asks for it
    if name == "plt":
        return _pyplot()
    raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))
