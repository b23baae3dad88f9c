r"""Engine "scan": steps as affine maps, whose products are regrouped into a tree. In float64.

A step on a squared loss takes the parameters, written :math:`\theta = [w; b; 1]`, to
:math:`(I - c A^T Z)\theta`: the rows of :math:`A` are :math:`[x, 1, 0]`, those of :math:`Z`
:math:`[x, 1, -y]`, so that :math:`Z\theta` are the residuals of the batch. Products of two
neighbours, then of two such products, and so on, make the tree; down it come the parameters
before every step. NumPy multiplies these many small matrices several times faster than MXNet.
"""

import numpy

from ..compat.mxnet import mx
from ..errors import ArgumentError
from ..settings import Notebook, Settings
from .engine import Array, Engine, Losses, Rows, as_nd

MAX_FEATURES = 32  # a map holds (num_features + 2)**2 numbers; from about 48 on, steps are cheaper


class Scan(Engine):
    """The notebook's steps in float64, up to rounding.

    Losses are not finite where training diverges or a product of maps overflows.

    Raises
    ------
    ArgumentError
        If there are more than `MAX_FEATURES` features.
    """

    dtype = "float64"

    def __init__(self, own: Notebook, settings: Settings, num_features: int) -> None:
        super().__init__(own, settings, num_features)
        if num_features > MAX_FEATURES:
            raise ArgumentError(
                f"engine is 'scan' and there are {num_features} features; it is for at most "
                f"{MAX_FEATURES}: use 'compiled', faster there")

    def epoch(self, features: Array, labels: Array, w: Array, b: Array, rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        features, labels = as_nd(features, labels)
        rows = mx.nd.array(rows, dtype="int32", ctx=features.context)
        Z = residual_rows(features.take(rows).asnumpy(), labels.take(rows).asnumpy())
        theta = numpy.concatenate([w.asnumpy().ravel(), b.asnumpy(), [1]])
        losses, thetas = trajectory(self.own, self.settings, Z, theta)
        w[:], b[:] = thetas[-1, :-2].reshape(w.shape), thetas[-1, -2:-1]
        yield losses


def residual_rows(features: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
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


def trajectory(own: Notebook, settings: Settings, Z: numpy.ndarray,
               theta: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """All losses and parameters along a training run.

    Parameters
    ----------
    own : Notebook
        Whose steps.
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
    rate = 2 * own.loss_factor * settings.learning_rate / settings.batch_size
    with numpy.errstate(over="ignore", invalid="ignore"):  # the losses tell
        maps = Z.transpose(0, 2, 1) @ (-rate * Z)
        maps[:, -1] = 0  # the 1 in theta stays
        maps += numpy.eye(len(theta))
        thetas = _states(maps, theta[:, None])
        residuals = (Z @ thetas[:-1])[:, :, 0]
        losses = own.loss_factor * (residuals ** 2).sum(axis=1) / examples
    return losses, thetas[:, :, 0]


def _states(maps: numpy.ndarray, state: numpy.ndarray) -> numpy.ndarray:
    """The state before each map, and after the last."""
    states = numpy.empty((len(maps) + 1, *state.shape))
    if len(maps) == 1:
        states[0] = state
    else:
        states[::2] = _states(maps[1::2] @ maps[:-1:2], state)
    states[1::2] = maps[::2] @ states[:-1:2]
    return states
