"""The notebooks' training loops, step by step under `autograd.record`."""
from . import d2l, straight_dope
from ._mxnet import mx


def d2l_epochs(features, labels, w, b, settings, order):
    """Train as the d2l notebook does.

    Parameters
    ----------
    features : mxnet.np.ndarray, shape (num_examples, num_features)
    labels : mxnet.np.ndarray, shape (num_examples,)
    w, b : mxnet.np.ndarray, shapes (num_features, 1) and (1,)
        Initial parameters with gradients attached; each step changes them in place.
    settings : Settings
    order : iterable of sequence of int
        For each epoch, the rows in the order of visiting.

    Yields
    ------
    iterator of float
        For each epoch, the mean loss of each batch; drawing a loss takes the step.
    """
    for rows in order:
        yield _d2l_epoch(features, labels, w, b, settings, rows)


def _d2l_epoch(features, labels, w, b, settings, rows):
    for X, y in d2l.data_iter(settings.batch_size, features, labels, order=rows):
        with mx.autograd.record():
            loss = d2l.squared_loss(d2l.linreg(X, w, b), y)
        loss.backward()
        d2l.sgd([w, b], settings.learning_rate, settings.batch_size)
        yield float(loss.mean())


def straight_dope_epochs(features, labels, w, b, settings, order):
    """Train as the Straight Dope notebook does.

    Takes and yields what `d2l_epochs` does, on `mxnet.nd`; `order`, of length num_examples,
    serves every epoch.
    """
    batches = straight_dope.NDArrayIter(features, labels, settings.batch_size, order=order)
    for _ in range(settings.num_epochs):
        batches.reset()
        yield _straight_dope_epoch(batches, w, b, settings)


def _straight_dope_epoch(batches, w, b, settings):
    for batch in batches:
        with mx.autograd.record():
            output = straight_dope.net(batch.data[0], w, b)
            loss = straight_dope.square_loss(output, batch.label[0].reshape((-1, 1)))
        loss.backward()
        straight_dope.SGD([w, b], settings.learning_rate)
        yield float(loss.asscalar())


def d2l_loss(features, labels, w, b):
    """The d2l notebook's loss, averaged over all examples."""
    return float(d2l.squared_loss(d2l.linreg(features, w, b), labels).mean())


def straight_dope_loss(features, labels, w, b):
    """The Straight Dope notebook's loss over all examples."""
    output = straight_dope.net(features, w, b)
    return float(straight_dope.square_loss(output, labels.reshape((-1, 1))).asscalar())
