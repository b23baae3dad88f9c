"""What every engine is."""
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy

from ..compat.mxnet import mx
from ..settings import Notebook, Settings

Array: TypeAlias = Any  # mxnet.nd.NDArray, or mxnet.np.ndarray
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

    Attributes
    ----------
    dtype : str
        In which it computes.
    """

    dtype = "float32"

    def __init__(self, own: Notebook, settings: Settings, num_features: int) -> None:
        self.own, self.settings, self.num_features = own, settings, num_features

    @abstractmethod
    def epoch(self, features: Array, labels: Array, w: Array, b: Array, rows: Rows) -> Losses:
        """Visit examples once, in order, changing w and b in place.

        Parameters
        ----------
        features : array, shape (num_examples, num_features)
            Arrays are `mxnet.np`'s where the notebook's are, else `mxnet.nd`'s.
        labels : array, shape (num_examples,)
        w : array, shape (num_features, 1)
            With a gradient attached, as b.
        b : array, shape (1,)
        rows : numpy.ndarray of int
            Which examples: whole batches, but for a last one that the notebook leaves short.

        Yields
        ------
        numpy.ndarray
            The mean loss of each batch before its step, so many batches at a time as suits.
        """

    def mean_loss(self, features: Array, labels: Array, w: Array, b: Array) -> float:
        """The notebook's loss, averaged over all examples given."""
        return self.own.vocabulary.forward(features, labels, w, b).mean().asnumpy().item()


def as_nd(*arrays: Array) -> list[mx.nd.NDArray]:
    """The same arrays as `mxnet.nd`'s, whose operators all engines but "autograd" use."""
    return [array.as_nd_ndarray() if isinstance(array, mx.np.ndarray) else array
            for array in arrays]
