"""Engine "compiled": the notebooks' steps, ten to a compiled MXNet graph. Same bits, sooner."""
import functools

from ..compat.mxnet import mx
from .autograd import as_nd, mean_loss  # noqa: F401, as every engine has one

nd, sym = mx.nd, mx.sym

dtype = "float32"
# More steps in a graph take longer to build than they save, and in a wide graph the call is
# nothing beside the step.
STEPS, WIDE = 10, 2**16


def prepare(notebook, settings, num_features):
    """Get ready to train as a notebook does; see `autograd.prepare`.

    Each batch goes through the operators that "autograd" records, and through those of its
    gradient, in the same order: so the results are the same, bit for bit.
    """
    batch_size = settings.batch_size
    steps = STEPS if batch_size * num_features <= WIDE else 1
    # Compiled for this call alone: a graph owns its buffers, so threads cannot share one.
    graph = functools.lru_cache(None)(functools.partial(_graph, notebook, settings))

    def epoch(features, labels, w, b, rows):
        features, labels, w, b = map(as_nd, (features, labels, w, b))
        rows = nd.array(rows, dtype="int32", ctx=features.context)
        params, start = (w, b), 0
        while start < len(rows):
            taken = steps if start + steps * batch_size <= len(rows) else 1
            batches = rows[start:start + taken * batch_size]
            losses, *params = graph(taken)(features, batches, *params, labels)
            start += taken * batch_size
            yield losses.asnumpy()
        w[:], b[:] = params

    return epoch


def _graph(notebook, settings, steps):
    """`steps` steps: of features, rows, w, b, labels to the batches' losses, w, b."""
    lr, batch_size = settings.learning_rate, settings.batch_size
    features, rows, w, b, labels = map(sym.var, ("features", "rows", "w", "b", "labels"))
    batches = sym.take(features, rows), sym.take(labels, rows).reshape((-1, 1))
    if steps > 1:
        batches = (sym.split(array, steps, axis=0) for array in batches)
    losses = []
    for X, y in zip(*batches):
        residual = sym.broadcast_sub(sym.broadcast_add(sym.dot(X, w), b), y)
        if notebook == "d2l":
            losses.append(sym.mean(residual ** 2 / 2))
            gradient, scale = residual, lambda grad: lr * grad / batch_size
        else:
            losses.append(sym.mean(residual ** 2))
            gradient, scale = 2 * residual * (1 / batch_size), lambda grad: lr * grad
        w = w - scale(sym.dot(X, gradient, transpose_a=True))
        b = b - scale(sym.sum(gradient, axis=0))
    losses = sym.concat(*losses, dim=0)
    return nd.CachedOp(sym.Group([losses, w, b]), [("static_alloc", True), ("static_shape", True)])
