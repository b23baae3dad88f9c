"""Where the examples of an epoch come from: a notebook's own, memory, or files larger than it."""
from collections.abc import Callable
from typing import Any

import numpy

from ..compat.mxnet import mx
from ..compat.streams import seeded
from ..distributed.group import Group
from ..engines.engine import Array
from ..progress import say
from ..settings import Notebook
from .npy import NpyFile

BLOCK = 2**26  # bytes of features, in float32, that are read from a file at a time

Loss = Callable[[Any, Any], float]  # of features and labels, averaged over them


def draw(own: Notebook, num_features: int,
         with_data: bool = True) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Draw what a notebook draws, from the start of its stream.

    Parameters
    ----------
    own : Notebook
    num_features : int
    with_data : bool, default True
        Whether to draw its data before its parameters.

    Returns
    -------
    data : tuple of numpy.ndarray
        Features and labels; empty without data.
    params : tuple of numpy.ndarray
        Initial w, shape (num_features, 1), and b, shape (1,).
    """
    with mx.cpu(), seeded(own.seed):
        data = own.vocabulary.own_data(own.num_examples) if with_data else ()
        params = own.vocabulary.init_params(num_features)
        return (tuple(array.asnumpy() for array in data),
                tuple(param.asnumpy() for param in params))


class InMemory:
    """Examples on the device: one block.

    Parameters
    ----------
    features, labels : array, shapes (num_examples, num_features) and (num_examples,)
        As the engine loaded them.
    """

    def __init__(self, features: Array, labels: Array) -> None:
        self.features, self.labels, self.sizes = features, labels, [len(labels)]

    def read(self, block: int) -> tuple[Array, Array]:
        """The features and labels of a block."""
        return self.features, self.labels

    def average(self, loss: Loss) -> float:
        """The average of a loss over all examples."""
        return loss(self.features, self.labels)


class InFiles:
    """Examples in files, in blocks of whole batches: so none but the last is short.

    Parameters
    ----------
    features, labels : NpyFile, shapes (num_examples, num_features) and (num_examples,)
    shared : int
        How many of the first rows another worker has too: it is they who average over them.
    batch_size : int
    load : callable
        From NumPy's arrays to the engine's.
    group : Group
    verbose : bool
        Whether to say how the examples are shuffled.
    """

    def __init__(self, features: NpyFile, labels: NpyFile, shared: int,
                 batch_size: int, load: Callable[[numpy.ndarray], Array], group: Group,
                 verbose: bool) -> None:
        self.features, self.labels, self.shared = features, labels, shared
        self.load, self.group = load, group
        rows = max(BLOCK // (4 * features.shape[1]) // batch_size, 1) * batch_size
        starts = [block * rows for block in range(max(len(labels) // rows, 1))]
        self.bounds = list(zip(starts, [*starts[1:], len(labels)], strict=True))  # the last takes
        self.sizes = [stop - start for start, stop in self.bounds]                # the rest
        self._held: tuple[int | None, Any] = None, None
        if verbose:
            say(f"{len(labels)} examples are read from file in blocks of about "
                f"{min(rows, len(labels))}, shuffled as blocks and within each")

    def read(self, block: int) -> tuple[Array, Array]:
        """The features and labels of a block, of which one is held in memory."""
        if self._held[0] != block:
            self._held = None, None  # before the next is read
            self._held = block, self._rows(*self.bounds[block])
        return self._held[1]

    def _rows(self, start: int, stop: int) -> tuple[Array, ...]:
        return tuple(self.load(numpy.asarray(array[start:stop], dtype="float32"))
                     for array in (self.features, self.labels))

    def average(self, loss: Loss) -> float:
        """The average of a loss over all examples, of all workers."""
        self._held = None, None
        bounds = [(max(start, self.shared), stop) for start, stop in self.bounds
                  if stop > self.shared]
        counts = [stop - start for start, stop in bounds]
        losses = numpy.multiply([loss(*self._rows(*block)) for block in bounds], counts)
        summed, count = self.group.total(losses.sum(), sum(counts))
        return float(summed / count)
