"""Steps on several devices and in several processes: shares of a batch, added up by MXNet.

Each device takes its share of a batch through the loss `loss_factor * sum(residual ** 2)`, and
through its gradient. One array a device and step, [gradient of w, gradient of b, summed loss,
number of examples], goes through MXNet's KVStore, which gives every device the sum over all
devices of all workers; then each takes the same step with its own copy of the parameters.
Nothing but these num_features + 3 numbers travels, and no optimizer is sent to a server, which
would have to unpickle it. As in the engine "compiled", gradients are written out and a step is
one compiled graph: recorded, its two dozen operators take several times as long.

A row of -1 stands for no example: so all shares of all batches are of one size, and all workers
take equally many steps.
"""
import functools
from types import ModuleType

import numpy

from ..compat.mxnet import mx
from ..distributed.group import Group
from ..settings import Notebook, Settings
from .engine import Array, Engine, Losses, Rows, as_nd

nd, sym = mx.nd, mx.sym

EQUAL = ("compiled", "autograd")  # engines whose steps are the notebook's own, as these are


class Parallel(Engine):
    """The notebook's steps, each taken by a whole group.

    Parameters
    ----------
    own : Notebook
    settings : Settings
        The batch size is each worker's.
    num_features : int
    group : Group
    """

    def __init__(self, own: Notebook, settings: Settings, num_features: int,
                 group: Group) -> None:
        super().__init__(own, settings, num_features, group.contexts[0])
        self.group = group
        # A short batch's summed gradient is divided by the full batch size.
        self.rate = settings.learning_rate / (settings.batch_size * group.num_workers)
        self._held: tuple = (None, None)

    def epoch(self, features: Array, labels: Array, w: numpy.ndarray, b: numpy.ndarray,
              rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        contexts, size = self.group.contexts, self.num_features + 3
        examples = self._on_each_device(features, labels)
        params = [[nd.array(param, ctx=ctx) for param in (w, b)] for ctx in contexts]
        total = [nd.zeros(size, ctx=ctx) for ctx in contexts]
        shares = self._shares(rows)
        for step in range(len(shares[0])):
            packed = []
            for device, graph in enumerate(self.graphs):
                (X, y), (w_, b_) = examples[device], params[device]
                given, *params[device] = graph(X, shares[device][step], w_, total[device], b_, y)
                packed.append(given)
            total = self.group.add(packed)
            loss, count = total[0].asnumpy()[-2:]
            yield numpy.array([loss / count], "float32")
        stepped = _stepped(nd, self.rate, self.num_features, params[0], total[0])
        w[:], b[:] = (param.asnumpy() for param in stepped)

    @functools.cached_property
    def graphs(self) -> list[mx.nd.CachedOp]:
        """For each device its step."""
        return [_graph(self.own.loss_factor, self.rate, self.num_features)
                for _ in self.group.contexts]

    def _on_each_device(self, *arrays: mx.nd.NDArray) -> list[list[mx.nd.NDArray]]:
        held, copies = self._held
        if held is not arrays[0]:  # the same examples come again and again
            copies = [[array.as_in_context(ctx) for array in as_nd(*arrays)]
                      for ctx in self.group.contexts]
            self._held = arrays[0], copies
        return copies

    def _shares(self, rows: numpy.ndarray) -> list[mx.nd.NDArray]:
        """For each device, its rows of each batch, of shape (num_batches, share)."""
        contexts, batch_size = self.group.contexts, min(self.settings.batch_size, len(rows))
        batches = numpy.array_split(rows.reshape(-1, batch_size), len(contexts), axis=1)
        size = -(-batch_size // len(contexts))
        return [nd.array(padded(share, size), dtype="int32", ctx=ctx)
                for share, ctx in zip(batches, contexts, strict=True)]


def padded(rows: numpy.ndarray, size: int) -> numpy.ndarray:
    """Rows, along their last axis, with -1 until it is a multiple of `size` long."""
    rows = numpy.asarray(rows, dtype="int64")  # a recovered order is of unsigned numbers
    missing = [(0, 0)] * (rows.ndim - 1) + [(0, -rows.shape[-1] % size)]
    return numpy.pad(rows, missing, constant_values=-1)


def _graph(loss_factor: float, rate: float, num_features: int) -> mx.nd.CachedOp:
    """A step with the last sum, and the next summand: of features, rows, w, sum, b, labels."""
    features, rows, w, total, b, labels = map(
        sym.var, ("features", "rows", "w", "total", "b", "labels"))
    w, b = _stepped(sym, rate, num_features, [w, b], total)
    X, y = sym.take(features, rows), sym.take(labels, rows).reshape((-1, 1))
    there = sym.cast(rows >= 0, "float32").reshape((-1, 1))  # row 0 stands in for no example
    residual = sym.broadcast_add(sym.dot(X, w), b) - y
    residual = residual * there
    packed = sym.concat(
        sym.dot(X, 2 * loss_factor * residual, transpose_a=True).reshape((-1,)),
        sym.sum(2 * loss_factor * residual, axis=0),
        sym.sum(loss_factor * sym.square(residual), axis=0), sym.sum(there, axis=0), dim=0)
    return nd.CachedOp(sym.Group([packed, w, b]), [("static_alloc", True)])


def _stepped(nd_or_sym: ModuleType, rate: float, num_features: int, params: list[mx.nd.NDArray],
             total: mx.nd.NDArray) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
    """Parameters after a step with a sum."""
    w, b = params
    slice_axis = nd_or_sym.slice_axis
    return (w - rate * slice_axis(total, axis=0, begin=0, end=num_features).reshape((-1, 1)),
            b - rate * slice_axis(total, axis=0, begin=num_features, end=num_features + 1))
