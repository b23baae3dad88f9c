"""Engine "compiled": the notebooks' steps, ten to a compiled MXNet graph. Same bits, sooner."""
import functools

import numpy

from ..compat.mxnet import mx
from ..settings import Notebook, Settings
from .engine import Array, Engine, Losses, Rows, as_nd

nd, sym = mx.nd, mx.sym

# More steps in a graph take longer to build than they save, and in a wide graph the call is
# nothing beside the step.
STEPS, WIDE = 10, 2**16


class Compiled(Engine):
    """The operators that "autograd" records, and those of their gradient, in the same order.

    So the results are the same, bit for bit.
    """

    def __init__(self, own: Notebook, settings: Settings, num_features: int,
                 ctx: mx.Context) -> None:
        super().__init__(own, settings, num_features, ctx)
        self.steps = STEPS if settings.batch_size * num_features <= WIDE else 1
        # Compiled for this call alone: a graph owns its buffers, so threads cannot share one.
        self.graph = functools.cache(functools.partial(_graph, own, settings))

    def epoch(self, features: Array, labels: Array, w: numpy.ndarray, b: numpy.ndarray,
              rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        batch_size = self.settings.batch_size
        features, labels = as_nd(features, labels)
        rows = nd.array(rows, dtype="int32", ctx=self.ctx)
        params, start = [nd.array(param, ctx=self.ctx) for param in (w, b)], 0
        while start < len(rows):
            taken = self.steps if start + self.steps * batch_size <= len(rows) else 1
            batches = rows[start:start + taken * batch_size]
            losses, *params = self.graph(taken)(features, batches, *params, labels)
            start += taken * batch_size
            yield losses.asnumpy()
        w[:], b[:] = (param.asnumpy() for param in params)


def _graph(own: Notebook, settings: Settings, steps: int) -> mx.nd.CachedOp:
    """`steps` steps: of features, rows, w, b, labels to the batches' losses, w, b."""
    lr, batch_size = settings.learning_rate, settings.batch_size
    slope = 2 * own.loss_factor * (1 if own.sums_loss else 1 / batch_size)
    features, rows, w, b, labels = map(sym.var, ("features", "rows", "w", "b", "labels"))
    examples = [sym.take(features, rows), sym.take(labels, rows).reshape((-1, 1))]
    if steps > 1:
        examples = [sym.split(array, steps, axis=0) for array in examples]
    losses = []
    for X, y in zip(*examples, strict=True):
        residual = sym.broadcast_sub(sym.broadcast_add(sym.dot(X, w), b), y)
        losses.append(sym.mean(_times(own.loss_factor, sym.square(residual))))
        gradient = _times(slope, residual)
        w, b = (param - (lr * grad / batch_size if own.sums_loss else lr * grad)
                for param, grad in ((w, sym.dot(X, gradient, transpose_a=True)),
                                    (b, sym.sum(gradient, axis=0))))
    losses = sym.concat(*losses, dim=0)
    return nd.CachedOp(sym.Group([losses, w, b]), [("static_alloc", True), ("static_shape", True)])


def _times(factor: float, symbol: mx.sym.Symbol) -> mx.sym.Symbol:
    """A product; with 1 no operator, each of which costs as much as a small step's arithmetic."""
    return symbol if factor == 1 else factor * symbol
