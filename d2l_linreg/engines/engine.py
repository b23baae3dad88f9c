"""What every engine is."""
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy

from ..compat.mxnet import mx
from ..settings import Notebook, Settings


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
    def epoch(self, features: mx.nd.NDArray, labels: mx.nd.NDArray, w: mx.nd.NDArray,
              b: mx.nd.NDArray, rows: numpy.ndarray) -> Iterator[numpy.ndarray]:
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

    def mean_loss(self, features: mx.nd.NDArray, labels: mx.nd.NDArray, w: mx.nd.NDArray,
                  b: mx.nd.NDArray) -> float:
        """The notebook's loss, averaged over all examples given."""
        return self.own.vocabulary.forward(features, labels, w, b).mean().asnumpy().item()


def as_nd(array: mx.nd.NDArray) -> mx.nd.NDArray:
    """The same array as `mxnet.nd`'s, whose operators all engines but "autograd" use."""
    return array.as_nd_ndarray() if isinstance(array, mx.np.ndarray) else array
