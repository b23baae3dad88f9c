"""What every engine is."""
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy

from ..compat.mxnet import mx
from ..settings import Notebook, Settings

Array: TypeAlias = Any  # mxnet.nd.NDArray, mxnet.np.ndarray or numpy.ndarray
Rows = numpy.ndarray  # of int
Losses = Iterator[numpy.ndarray]


class Engine(ABC):
    """One way to take a notebook's steps, for one call of `train`.

    Parameters
    ----------
    own : Notebook
        Whose steps.
    settings : Settings
    num_features : int
    ctx : mxnet.Context
        Where its examples are.
    """

    def __init__(self, own: Notebook, settings: Settings, num_features: int,
                 ctx: mx.Context) -> None:
        self.own, self.settings, self.num_features, self.ctx = own, settings, num_features, ctx

    def load(self, array: numpy.ndarray) -> Array:
        """An array as `epoch` and `mean_loss` take examples, by default MXNet's on the device."""
        return self.own.vocabulary.array(array, dtype="float32", ctx=self.ctx)

    @abstractmethod
    def epoch(self, features: Array, labels: Array, w: numpy.ndarray, b: numpy.ndarray,
              rows: Rows) -> Losses:
        """Visit examples once, in order, changing w and b in place.

        Parameters
        ----------
        features : array, shape (num_examples, num_features)
            What `load` gave, as labels.
        labels : array, shape (num_examples,)
        w : numpy.ndarray, shape (num_features, 1), float32
        b : numpy.ndarray, shape (1,), float32
        rows : numpy.ndarray of int
            Which examples: whole batches, but for a last one that the notebook leaves short.

        Yields
        ------
        numpy.ndarray
            The mean loss of each batch before its step, so many batches at a time as suits.
        """

    def mean_loss(self, features: Array, labels: Array, w: numpy.ndarray,
                  b: numpy.ndarray) -> float:
        """The notebook's loss, averaged over all examples given."""
        loss = self.own.vocabulary.forward(features, labels, self.load(w), self.load(b))
        return loss.mean().asnumpy().item()


def as_nd(*arrays: Array) -> list[mx.nd.NDArray]:
    """The same arrays as `mxnet.nd`'s, whose operators MXNet's engines but "autograd" use."""
    return [array.as_nd_ndarray() if isinstance(array, mx.np.ndarray) else array
            for array in arrays]
