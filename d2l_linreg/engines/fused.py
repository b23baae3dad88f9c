"""Engine "fused": for wide data, the notebooks' steps with MXNet's fused linear layer.

`FullyConnected` reads a wide batch several times faster than `dot` does, and rounds
otherwise: so this engine agrees with the notebooks' own steps to rounding, not to the bit.
"""
import numpy

from ..compat.mxnet import mx
from .autograd import as_nd

nd, sym = mx.nd, mx.sym

dtype = "float32"
LARGEST = float(numpy.finfo("float32").max)  # learning rate that the operator takes


def prepare(notebook, settings, num_features):
    """Get ready to train as a notebook does; see `autograd.prepare`."""
    batch_size = settings.batch_size
    batch_loss = _graph(notebook)  # for this call alone: threads cannot share its buffers

    def epoch(features, labels, w, b, rows):
        features, labels, w, b = map(as_nd, (features, labels, w, b))
        rows = nd.array(rows, dtype="int32", ctx=features.context)
        weight, bias = w.reshape((1, -1)).copy(), b.copy()
        for param in (weight, bias):
            param.attach_grad()
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            with mx.autograd.record():
                loss = batch_loss(features, batch, weight, bias, labels)
            loss.backward()
            # d2l divides a short batch's summed gradient by the full batch size.
            rate = min(settings.learning_rate * len(batch) / batch_size, LARGEST)
            for param in (weight, bias):
                nd.sgd_update(param, param.grad, rate, out=param)
            yield loss.asnumpy().reshape(1)
        w[:], b[:] = weight.reshape((-1, 1)), bias

    return epoch


def _graph(notebook):
    """The mean loss of a batch: a function of features, rows, weight, bias, labels."""
    features, rows, weight, bias, labels = map(
        sym.var, ("features", "rows", "weight", "bias", "labels"))
    output = sym.FullyConnected(sym.take(features, rows), weight, bias, num_hidden=1)
    loss = sym.mean((output.reshape((-1,)) - sym.take(labels, rows)) ** 2)
    return nd.CachedOp(loss / 2 if notebook == "d2l" else loss, [("static_alloc", True)])


def mean_loss(notebook, features, labels, w, b):
    """The notebook's loss, averaged over all examples given, as a float."""
    features, labels, w, b = map(as_nd, (features, labels, w, b))
    output = nd.FullyConnected(features, w.reshape((1, -1)), b, num_hidden=1)
    loss = nd.mean((output.reshape((-1,)) - labels) ** 2).asnumpy().item()
    return loss / 2 if notebook == "d2l" else loss
