"""Engine "scan": steps as affine maps, whose products are regrouped into a tree. In float64.

A step on a squared loss takes the parameters, written :math:`\\theta = [w; b; 1]`, to
:math:`(I - c A^T Z)\\theta`: the rows of :math:`A` are :math:`[x, 1, 0]`, those of :math:`Z`
:math:`[x, 1, -y]`, so that :math:`Z\\theta` are the residuals of the batch. Products of two
neighbours, then of two such products, and so on, make the tree; down it come the parameters
before every step. NumPy multiplies these many small matrices several times faster than MXNet.
"""
import numpy

from ..compat.mxnet import mx
from .autograd import as_nd, mean_loss  # noqa: F401, as every engine has one

dtype = "float64"
MAX_FEATURES = 32  # a map holds (num_features + 2)**2 numbers; from about 48 on, steps are cheaper


def prepare(notebook, settings, num_features):
    """Get ready to train as a notebook does; see `autograd.prepare`.

    Equal to the notebook's steps in float64, up to rounding. Losses are not finite where
    training diverges or a product of maps overflows.

    Raises
    ------
    ValueError
        If there are more than `MAX_FEATURES` features.
    """
    if num_features > MAX_FEATURES:
        raise ValueError("engine is 'scan' and there are {} features; it is for at most {}: use "
                         "'compiled', faster there".format(num_features, MAX_FEATURES))

    def epoch(features, labels, w, b, rows):
        features, labels = map(as_nd, (features, labels))
        rows = mx.nd.array(rows, dtype="int32", ctx=features.context)
        Z = residual_rows(features.take(rows).asnumpy(), labels.take(rows).asnumpy())
        theta = numpy.concatenate([w.asnumpy().ravel(), b.asnumpy(), [1]])
        losses, thetas = trajectory(notebook, settings, Z, theta)
        w[:], b[:] = thetas[-1, :-2].reshape(w.shape), thetas[-1, -2:-1]
        yield losses

    return epoch


def residual_rows(features, labels):
    """The rows [x, 1, -y] of examples.

    Parameters
    ----------
    features : numpy.ndarray, shape (num_examples, num_features)
    labels : numpy.ndarray, shape (num_examples,)

    Returns
    -------
    numpy.ndarray, shape (num_examples, num_features + 2), float64
    """
    return numpy.column_stack([features, numpy.ones(len(labels)), -labels.astype("float64")])


def trajectory(notebook, settings, Z, theta):
    """All losses and parameters along a training run.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    settings : Settings
    Z : numpy.ndarray, shape (num_examples, num_features + 2)
        Rows of `residual_rows`, in the order of visiting.
    theta : numpy.ndarray, shape (num_features + 2,)
        [w, b, 1] before the first step.

    Returns
    -------
    losses : numpy.ndarray, shape (num_batches,)
        The mean loss of each batch, before its step.
    thetas : numpy.ndarray, shape (num_batches + 1, num_features + 2)
        [w, b, 1] before each step, and after the last.
    """
    size = min(settings.batch_size, len(Z))
    missing = -len(Z) % size
    # Rows of zeros in a short last batch: they move no parameter and add no loss.
    Z = numpy.append(Z, numpy.zeros((missing, len(theta))), axis=0).reshape(-1, size, len(theta))
    examples = numpy.full(len(Z), size)
    examples[-1] -= missing
    half = 1 / 2 if notebook == "d2l" else 1
    rate = 2 * half * settings.learning_rate / settings.batch_size
    with numpy.errstate(over="ignore", invalid="ignore"):  # the losses tell
        maps = Z.transpose(0, 2, 1) @ (-rate * Z)
        maps[:, -1] = 0  # the 1 in theta stays
        maps += numpy.eye(len(theta))
        thetas = _states(maps, theta[:, None])
        residuals = (Z @ thetas[:-1])[:, :, 0]
        return half * (residuals ** 2).sum(axis=1) / examples, thetas[:, :, 0]


def _states(maps, state):
    """The state before each map, and after the last."""
    states = numpy.empty((len(maps) + 1,) + state.shape)
    if len(maps) == 1:
        states[0] = state
    else:
        states[::2] = _states(maps[1::2] @ maps[:-1:2], state)
    states[1::2] = maps[::2] @ states[:-1:2]
    return states
