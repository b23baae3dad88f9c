"""Engine "fused": for wide data, the notebooks' steps with MXNet's fused linear layer.

`FullyConnected` reads a wide batch several times faster than `dot` does, and rounds
otherwise: so this engine agrees with the notebooks' own steps to rounding, not to the bit.
"""
import functools

import numpy

from ..compat.mxnet import mx
from .engine import Array, Engine, Losses, Rows, as_nd

nd, sym = mx.nd, mx.sym

LARGEST = float(numpy.finfo("float32").max)  # learning rate that the operator takes


class Fused(Engine):
    """Steps through `FullyConnected` and `sgd_update`."""

    @functools.cached_property
    def batch_loss(self) -> mx.nd.CachedOp:
        """The mean loss of a batch: a function of features, rows, weight, bias, labels."""
        features, rows, weight, bias, labels = map(
            sym.var, ("features", "rows", "weight", "bias", "labels"))
        output = sym.FullyConnected(sym.take(features, rows), weight, bias, num_hidden=1)
        loss = sym.mean(sym.square(output.reshape((-1,)) - sym.take(labels, rows)))
        return nd.CachedOp(self.own.loss_factor * loss, [("static_alloc", True)])

    def epoch(self, features: Array, labels: Array, w: Array, b: Array, rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        settings, batch_size = self.settings, self.settings.batch_size
        features, labels, w, b = as_nd(features, labels, w, b)
        rows = nd.array(rows, dtype="int32", ctx=features.context)
        weight, bias = w.reshape((1, -1)).copy(), b.copy()
        for param in (weight, bias):
            param.attach_grad()
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            with mx.autograd.record():
                loss = self.batch_loss(features, batch, weight, bias, labels)
            loss.backward()
            # A short batch's summed gradient is divided by the full batch size.
            rate = min(settings.learning_rate * len(batch) / batch_size, LARGEST)
            for param in (weight, bias):
                nd.sgd_update(param, param.grad, rate, out=param)
            yield loss.asnumpy().reshape(1)
        w[:], b[:] = weight.reshape((-1, 1)), bias

    def mean_loss(self, features: Array, labels: Array, w: Array, b: Array) -> float:
        """The notebook's loss, averaged over all examples given."""
        features, labels, w, b = as_nd(features, labels, w, b)
        output = nd.FullyConnected(features, w.reshape((1, -1)), b, num_hidden=1)
        loss = nd.mean(nd.square(output.reshape((-1,)) - labels)).asscalar()
        return self.own.loss_factor * float(loss)
