"""The vocabulary of "Linear regression from scratch" (MXNet - The Straight Dope, 2017).

Labels are :math:`y = 2x_0 - 3.4x_1 + 4.2 + \\epsilon`, the loss of a batch is the mean of
:math:`(\\hat y - y)^2`, and stochastic gradient descent moves each parameter by
:math:`-\\eta` times its gradient. All on `mxnet.nd`.
"""
import numpy

from .compat.mxnet import mx
from .settings import as_integer, check_batches
from .compat.streams import normal_2017

nd = mx.nd


def synthetic_data(num_examples=10000):
    """Draw two features, and labels that are linear in them but for noise.

    Features are standard normal, the noise has standard deviation 0.01. Both come from
    MXNet's process-wide generator; after `mx.random.seed(1)` they are the published data,
    bit for bit what MXNet 0.11.0 draws.

    Parameters
    ----------
    num_examples : int, default 10000

    Returns
    -------
    X : mxnet.nd.NDArray, shape (num_examples, 2), float32
    y : mxnet.nd.NDArray, shape (num_examples,), float32
    """
    num_examples = as_integer("num_examples", num_examples, 1)
    X = normal_2017((num_examples, 2))
    noise = 0.01 * normal_2017((num_examples,))
    return X, 2 * X[:, 0] - 3.4 * X[:, 1] + 4.2 + noise


class NDArrayIter(mx.io.NDArrayIter):
    """MXNet's iterator over mini-batches, shuffling when MXNet 0.11 did: once.

    Parameters
    ----------
    X : mxnet.nd.NDArray, shape (num_examples, num_features)
    y : mxnet.nd.NDArray, shape (num_examples,)
    batch_size : int
        Examples in a batch; if it does not divide their number, the last batch is filled
        up from the beginning.
    shuffle : bool, default True
        Whether to shuffle, by NumPy's global generator.
    reshuffle : bool, default False
        Whether to shuffle again at each `reset()`, as MXNet does today; otherwise `reset()`
        rewinds, as it did in MXNet 0.11.
    order : sequence of int, optional
        The rows to visit, in order, instead of a shuffle.

    Raises
    ------
    ValueError
        If `batch_size` is no positive integer or larger than the data, there is not one label
        a row, or `order` names a row that is not there.
    """

    def __init__(self, X, y, batch_size, shuffle=True, *, reshuffle=False, order=None):
        check_batches(batch_size, X, y, order)
        if batch_size > len(X):
            raise ValueError("batch_size is {}, but there are {} examples; a batch needs as many"
                             .format(batch_size, len(X)))
        if order is None and shuffle and not reshuffle:
            order = numpy.random.permutation(len(X))
        if order is not None:
            rows = nd.array(order, dtype="int32", ctx=X.context)
            X, y, shuffle = X.take(rows), y.take(rows), False
        super().__init__(X, y, batch_size, shuffle=shuffle)


def init_params(num_features=2):
    """Draw initial parameters and give them gradients.

    Parameters
    ----------
    num_features : int, default 2

    Returns
    -------
    w : mxnet.nd.NDArray, shape (num_features, 1)
        Standard normal, from the same stream as the data.
    b : mxnet.nd.NDArray, shape (1,)
        Standard normal too.
    """
    w = normal_2017((as_integer("num_features", num_features, 1), 1))
    b = normal_2017((1,))
    w.attach_grad()
    b.attach_grad()
    return w, b


def net(X, w, b):
    """The model: :math:`Xw + b`.

    Parameters
    ----------
    X : mxnet.nd.NDArray, shape (batch, num_features)
    w : mxnet.nd.NDArray, shape (num_features, 1)
    b : mxnet.nd.NDArray, shape (1,)

    Returns
    -------
    mxnet.nd.NDArray, shape (batch, 1)
    """
    return nd.dot(X, w) + b


def square_loss(yhat, y):
    """The mean squared error of a batch.

    Parameters
    ----------
    yhat : mxnet.nd.NDArray, shape (batch, 1)
        Predictions.
    y : mxnet.nd.NDArray, shape of yhat
        Labels.

    Returns
    -------
    mxnet.nd.NDArray, shape (1,)
    """
    return nd.mean((yhat - y) ** 2)


def SGD(params, lr):
    """Step each parameter, in place, against its gradient.

    Parameters
    ----------
    params : iterable of mxnet.nd.NDArray
        Parameters whose `grad` holds the gradient of the batch's mean loss.
    lr : float
        Learning rate.
    """
    for param in params:
        param[:] = param - lr * param.grad


def printed(array):
    """An array's text as it was in 2017, with NumPy < 1.14 and MXNet 0.11.

    Today fewer digits are printed, and columns are aligned otherwise.

    Parameters
    ----------
    array : mxnet.nd.NDArray

    Returns
    -------
    str
    """
    values = numpy.array2string(array.asnumpy().astype("float64"), legacy="1.13")
    shape = "x".join(map(str, array.shape))
    return "\n{}\n<NDArray {} @{}>".format(values, shape, array.context)
