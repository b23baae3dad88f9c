"""What both searches compute with: MXNet's training step, bit for bit, compiled by numba.

MXNet rounds to float32 after each operation, except where its BLAS fuses a multiplication
and an addition, and it sums with Kahan's correction. A search that runs millions of steps
cannot call MXNet for each, and one last bit that is off would spoil it.
"""
import itertools

import numpy
from numba import njit, types
from numba.extending import intrinsic

float32 = numpy.float32


@intrinsic
def fma(typing_context, x, y, z):
    """float32 x * y + z, rounded once, as OpenBLAS computes dot products."""
    def build(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), build


@njit(inline="always")
def residual(features, labels, row, w0, w1, b):
    """Prediction minus label of one example."""
    return fma(features[row, 1], w1, features[row, 0] * w0) + b - labels[row]


@njit(inline="always")
def kahan(total, lost, value):
    """Add `value` to `total`, and return both the new total and what its rounding lost."""
    value -= lost
    new = total + value
    return new, (new - total) - value


@njit(inline="always")
def step(features, labels, rows, first, last, w0, w1, b, factor, learning_rate, divisor):
    """One step of stochastic gradient descent.

    Parameters
    ----------
    features : array, shape (num_examples, 2), float32
    labels : array, shape (num_examples,), float32
    rows : array of int
        The batch is `rows[first:last]`; their order matters in the last bits.
    w0, w1, b : float32
        Parameters before the step.
    factor : float32
        Derivative of the loss by the prediction, divided by the residual.
    learning_rate, divisor : float32
        The gradient is multiplied by the one, then divided by the other.

    Returns
    -------
    w0, w1, b : float32
        Parameters after the step.
    """
    g0 = g1 = gb = lost = float32(0)
    for k in range(first, last):
        row = rows[k]
        g = residual(features, labels, row, w0, w1, b) * factor
        g0 = fma(features[row, 0], g, g0)
        g1 = fma(features[row, 1], g, g1)
        gb, lost = kahan(gb, lost, g)
    return (w0 - learning_rate * g0 / divisor, w1 - learning_rate * g1 / divisor,
            b - learning_rate * gb / divisor)


def deals(count, size):
    """All ways to deal `count` examples into a batch of `size` and the rest.

    Returns
    -------
    numpy.ndarray, shape (ways, count), int64
        Each row a permutation of 0 ... count - 1 that begins with the batch; the first row
        leaves everything as it is.
    """
    return numpy.array([batch + tuple(sorted(set(range(count)) - set(batch)))
                        for batch in itertools.combinations(range(count), size)])
