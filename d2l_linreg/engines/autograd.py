"""Engine "autograd": the notebooks' own steps, one by one under `autograd.record`."""
import numpy

from .. import d2l, straight_dope
from ..compat.mxnet import mx

dtype = "float32"


def prepare(notebook, settings, num_features):
    """Get ready to train as a notebook does.

    Every engine is a module with this function, `mean_loss`, and `dtype`, the type it
    computes in.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    settings : Settings
    num_features : int

    Returns
    -------
    callable
        `epoch(features, labels, w, b, rows)` visits the examples `rows` (array of int, whole
        batches but for a last short one of d2l's) once, in that order, changes w, shape
        (num_features, 1), and b, shape (1,), in place, and yields arrays of float: the mean
        loss of each batch before its step, so many batches at a time as the engine takes.
        Arrays are `mxnet.np`'s for d2l, `mxnet.nd`'s for straight_dope; w and b have gradients
        attached.
    """
    def d2l_epoch(features, labels, w, b, rows):
        for X, y in d2l.data_iter(settings.batch_size, features, labels, order=rows):
            with mx.autograd.record():
                loss = d2l.squared_loss(d2l.linreg(X, w, b), y)
            loss.backward()
            d2l.sgd([w, b], settings.learning_rate, settings.batch_size)
            yield loss.mean().asnumpy().reshape(1)

    def straight_dope_epoch(features, labels, w, b, rows):
        for batch in straight_dope.NDArrayIter(features, labels, settings.batch_size, order=rows):
            with mx.autograd.record():
                output = straight_dope.net(batch.data[0], w, b)
                loss = straight_dope.square_loss(output, batch.label[0].reshape((-1, 1)))
            loss.backward()
            straight_dope.SGD([w, b], settings.learning_rate)
            yield loss.asnumpy()

    return {"d2l": d2l_epoch, "straight_dope": straight_dope_epoch}[notebook]


def batch_rows(notebook, batch_size, rows):
    """An epoch's rows, made whole batches as MXNet's NDArrayIter does, from the beginning."""
    missing = -len(rows) % batch_size if notebook == "straight_dope" else 0
    return numpy.append(rows, rows[:missing])


def as_nd(array):
    """The same array as `mxnet.nd`'s, whose operators all engines but this one use."""
    return array.as_nd_ndarray() if isinstance(array, mx.np.ndarray) else array


def mean_loss(notebook, features, labels, w, b):
    """The notebook's loss, averaged over all examples given, as a float."""
    if notebook == "d2l":
        return float(d2l.squared_loss(d2l.linreg(features, w, b), labels).mean())
    output = straight_dope.net(features, w, b)
    return float(straight_dope.square_loss(output, labels.reshape((-1, 1))).asscalar())
