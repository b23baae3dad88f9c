r"""The vocabulary of "Linear regression from scratch" (MXNet - The Straight Dope, 2017).

Labels are :math:`y = 2x_0 - 3.4x_1 + 4.2 + \epsilon`, the loss of a batch is the mean of
:math:`(\hat y - y)^2`, and stochastic gradient descent moves each parameter by
:math:`-\eta` times its gradient. All on `mxnet.nd`.
"""
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy

from .arguments import as_integer, check_iterator
from .compat.mxnet import mx
from .compat.printing import str_of_2017
from .compat.streams import stream

nd = mx.nd


def synthetic_data(num_examples: int = 10000) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
    """Draw two features, and labels that are linear in them but for noise.

    Features are standard normal, the noise has standard deviation 0.01. Both come from the
    stream that was `mx.nd`'s in 2017 (in `as_published` from that of its era), from the seed that
    `mx.random.seed` had last: after `mx.random.seed(1)` they are the published data, bit for bit
    what MXNet 0.11.0 drew on the C libraries of then.

    Parameters
    ----------
    num_examples : int, default 10000

    Returns
    -------
    X : mxnet.nd.NDArray, shape (num_examples, 2), float32
    y : mxnet.nd.NDArray, shape (num_examples,), float32
    """
    num_examples = as_integer("num_examples", num_examples, 1)
    X = stream("nd").normal((num_examples, 2))
    noise = numpy.float32(0.01) * stream("nd").normal((num_examples,))
    return nd.array(X), nd.array(noiseless(X[:, 0], X[:, 1]) + noise)


def noiseless(x0: mx.nd.NDArray, x1: mx.nd.NDArray) -> mx.nd.NDArray:
    """What the data's labels are but for noise.

    Parameters
    ----------
    x0, x1 : mxnet.nd.NDArray
        The features.

    Returns
    -------
    mxnet.nd.NDArray, shape of x0
    """
    return TRUE_W[0] * x0 + TRUE_W[1] * x1 + TRUE_B


class NDArrayIter(mx.io.NDArrayIter):
    """MXNet's iterator over mini-batches, shuffling when MXNet did until 1.3: once.

    Parameters
    ----------
    data : array_like, shape (num_examples, ...), or list or dict of such
        Features.
    label : likewise, optional
    batch_size : int, default 1
        Examples in a batch.
    shuffle : bool, default True
        Whether to shuffle, by NumPy's global generator. Then or not, `reset()` rewinds.
    last_batch_handle : {"pad", "discard", "roll_over"}, default "pad"
        What becomes of a short last batch: by default it is filled up from the beginning.
    data_name, label_name : str
        As for MXNet's.
    order : sequence of int, optional
        The rows to visit, in order, instead of a shuffle.

    Raises
    ------
    ArgumentError
        If `batch_size` is no positive integer or larger than the data, there is not one label
        a row, `last_batch_handle` is unknown, or `order` names a row that is not there.
    """

    def __init__(self, data: Any, label: Any = None, batch_size: int = 1, shuffle: bool = True,
                 last_batch_handle: str = "pad", data_name: str = "data",
                 label_name: str = "softmax_label", *, order: Sequence[int] | None = None) -> None:
        num_examples = check_iterator(data, label, batch_size, last_batch_handle, order)
        if order is None and shuffle:
            order = numpy.random.permutation(num_examples).tolist()
        if order is not None:
            data, label = in_order(data, order), in_order(label, order)
        super().__init__(data, label, batch_size, False, last_batch_handle, data_name, label_name)


def in_order(arrays: Any, order: Sequence[int]) -> Any:
    """The same arrays, with these of their rows.

    Parameters
    ----------
    arrays : array_like, or list or dict of such, or None
    order : sequence of int
        Rows.

    Returns
    -------
    mxnet.nd.NDArray, or list or dict of such, or None
    """
    if isinstance(arrays, dict):
        return {name: in_order(array, order) for name, array in arrays.items()}
    if isinstance(arrays, list):
        return [in_order(array, order) for array in arrays]
    if arrays is None:
        return None
    array = arrays if isinstance(arrays, nd.NDArray) else nd.array(arrays)
    return array.take(nd.array(order, dtype="int32", ctx=array.context))


def init_params(num_features: int = 2) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
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
    num_features = as_integer("num_features", num_features, 1)
    w = nd.array(stream("nd").normal((num_features, 1)))
    b = nd.array(stream("nd").normal((1,)))
    w.attach_grad()
    b.attach_grad()
    return w, b


def net(X: mx.nd.NDArray, w: mx.nd.NDArray, b: mx.nd.NDArray) -> mx.nd.NDArray:
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


def square_loss(yhat: mx.nd.NDArray, y: mx.nd.NDArray) -> mx.nd.NDArray:
    """The mean squared error of a batch.

    The square is exact, as the notebook's `** 2` was when C libraries' `powf` took 2 for a case of
    its own; with today's it is an ulp off once in a thousand.

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
    return nd.mean(nd.square(yhat - y))


def SGD(params: Iterable[mx.nd.NDArray], lr: float) -> None:
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


def printed(array: mx.nd.NDArray) -> str:
    """An array's text as it was in 2017, with NumPy < 1.14 and MXNet 0.11.

    Today fewer digits are printed, and columns are aligned otherwise.

    Parameters
    ----------
    array : mxnet.nd.NDArray

    Returns
    -------
    str
    """
    shape = "x".join(map(str, array.shape))
    return f"\n{str_of_2017(array.asnumpy())}\n<NDArray {shape} @{array.context}>"


# What both notebooks have, under the names that both modules share

TRUE_W, TRUE_B = (2, -3.4), 4.2
array, own_data = nd.array, synthetic_data


def batches(batch_size: int, features: mx.nd.NDArray, labels: mx.nd.NDArray,
            order: Sequence[int]) -> Iterator[tuple[mx.nd.NDArray, mx.nd.NDArray]]:
    """The mini-batches of one epoch, in an order of the rows."""
    for batch in NDArrayIter(features, labels, batch_size, order=order):
        yield batch.data[0], batch.label[0]


def forward(X: mx.nd.NDArray, y: mx.nd.NDArray, w: mx.nd.NDArray,
            b: mx.nd.NDArray) -> mx.nd.NDArray:
    """What training differentiates: the loss of a batch, the mean of its examples'."""
    return square_loss(net(X, w, b), y.reshape((-1, 1)))


def step(params: Iterable[mx.nd.NDArray], lr: float, batch_size: int) -> None:
    """The notebook's step, against gradients of what `forward` gives."""
    SGD(params, lr)


def outputs(data: Callable[[], tuple[mx.nd.NDArray, mx.nd.NDArray]], batch_size: int,
            order: Sequence[int]) -> dict[str, Callable[[], str]]:
    """What the notebook's cells print before training: by their names, functions to the texts.

    Parameters
    ----------
    data : callable
        To X and y.
    batch_size : int
    order : sequence of int
        The rows of the data; those of the printed mini-batch come first.

    Returns
    -------
    dict of str to callable
    """
    def iterator() -> NDArrayIter:
        return NDArrayIter(*data(), batch_size, order=order)

    def example() -> str:
        X, y = data()
        return f"{printed(X[0])}\n{printed(y[0])}\n"

    def noiseless_label() -> str:
        X, _ = data()
        return printed(noiseless(X[0, 0], X[0, 1])) + "\n"

    def batches_without_reset() -> str:
        exhausted = iterator()
        for _ in exhausted:
            pass
        return f"{sum(1 for _ in exhausted)}\n"

    return {"example": example, "noiseless label": noiseless_label,
            "mini-batch": lambda: printed(next(iterator()).data[0]) + "\n",
            "mini-batch labels": lambda: printed(next(iterator()).label[0]) + "\n",
            "batches": lambda: f"{sum(1 for _ in iterator())}\n",
            "batches without reset": batches_without_reset}
