"""MXNet's arithmetic of a training step, to the last bit, for any batch and any number of features.

Every operation rounds to float32 once, but for OpenBLAS's sums of products, on its kernels with
fused multiply-add: chains of these, in order, in blocks. MXNet's own sums are Kahan's, in order.
Seen over whole runs and shapes of every kind; tests/test_native.py holds them to it.

Compiled by numba, without its `fastmath`: so nothing is fused or regrouped but what is said here.
"""
# mypy: allow-untyped-defs
import os
import tempfile
from typing import Any, TypeAlias
from unittest.mock import patch

import numba
import numpy
from numba import njit, types
from numba.extending import intrinsic

from ..settings import Notebook, Settings

float32, unsigned = numpy.float32, numpy.uint64

Constants: TypeAlias = tuple[numpy.float32, numpy.float32, numpy.float32, numpy.float32]

# Fewer features are gone through a row at a time: their chains are short, and the CPU overlaps them
NARROW = 16
EIGHT = 8  # rows in step, whose chains hide each other's latency: four cycles, two a cycle


def constants(own: Notebook, settings: Settings) -> Constants:
    """What a notebook's step multiplies by, and divides by.

    Parameters
    ----------
    own : Notebook
        Whose step.
    settings : Settings

    Returns
    -------
    slope : numpy.float32
        Of the residual, in the gradient.
    loss_factor : numpy.float32
        Of the squared residual, in the loss.
    learning_rate, divisor : numpy.float32
        The gradient is multiplied by the one, then divided by the other.
    """
    mean = float32(1) if own.sums_loss else float32(1 / settings.batch_size)
    with numpy.errstate(over="ignore"):  # a rate beyond float32 is infinite, as to MXNet
        learning_rate = float32(settings.learning_rate)
    return (float32(2 * own.loss_factor) * mean, float32(own.loss_factor), learning_rate,
            float32(settings.batch_size if own.sums_loss else 1))


@intrinsic
def fma(typing_context, x, y, z):
    """The float32 x * y + z, rounded once."""
    def build(context, builder, signature, arguments):
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), build


@njit(inline="always")
def kahan(total, lost, value):
    """Add to a total; gives it, and what its rounding lost, which the next value makes good."""
    value -= lost
    new = total + value
    return new, (new - total) - value


@njit(inline="always", error_model="numpy")
def divided(value, divisor):
    """A quotient; by 1 no division, which takes as long as three other operations."""
    return value if divisor == 1 else value / divisor


@njit(inline="always")
def block_end(start, stop):
    """Where the block of products from `start` ends: OpenBLAS's level 3 loop, with Q = 320."""
    left = stop - start
    if left >= 640:
        return start + 320
    return start + (left // 2 + 7) // 8 * 8 if left > 320 else stop


@njit
def eight_products(features, rows, first, last, w, out):
    """The products of w with eight rows from `first` on; past `last`, with that again."""
    row0, row1, row2, row3, row4, row5, row6, row7 = (
        rows[first], rows[min(first + 1, last)], rows[min(first + 2, last)],
        rows[min(first + 3, last)], rows[min(first + 4, last)], rows[min(first + 5, last)],
        rows[min(first + 6, last)], rows[min(first + 7, last)])
    out[:] = 0
    start = 0
    while start < len(w):
        end = block_end(start, len(w))
        sum0 = sum1 = sum2 = sum3 = sum4 = sum5 = sum6 = sum7 = float32(0)
        for j in range(unsigned(start), unsigned(end)):  # else each index is asked for its sign
            weight = w[j]
            sum0 = fma(features[row0, j], weight, sum0)
            sum1 = fma(features[row1, j], weight, sum1)
            sum2 = fma(features[row2, j], weight, sum2)
            sum3 = fma(features[row3, j], weight, sum3)
            sum4 = fma(features[row4, j], weight, sum4)
            sum5 = fma(features[row5, j], weight, sum5)
            sum6 = fma(features[row6, j], weight, sum6)
            sum7 = fma(features[row7, j], weight, sum7)
        out[0] += sum0
        out[1] += sum1
        out[2] += sum2
        out[3] += sum3
        out[4] += sum4
        out[5] += sum5
        out[6] += sum6
        out[7] += sum7
        start = end


@njit
def scratch(num_features):
    """What `step` works in: the gradient of w, that of a block of the batch, products."""
    return (numpy.zeros(num_features, float32), numpy.zeros(num_features, float32),
            numpy.zeros(EIGHT, float32))


@njit(forceinline=True, error_model="numpy")
def step(features, labels, rows, start, stop, w, b, scratch, constants):
    """One step of stochastic gradient descent, on the batch `rows[start:stop]`, changing w.

    Parameters
    ----------
    features : array, shape (num_examples, num_features), float32
    labels : array, shape (num_examples,), float32
    rows : array of int
        Their order matters in the last bits.
    start, stop : int
    w : array, shape (num_features,), float32
    b : float32
    scratch : tuple
        What the function of that name gives, for all steps.
    constants : tuple
        What the function of that name gives.

    Returns
    -------
    loss : float32
        The batch's mean loss before the step.
    b : float32
        After it.
    """
    gradient, block, eight = scratch
    slope, loss_factor, learning_rate, divisor = constants
    loss = loss_lost = gradient_of_b = lost = float32(0)
    end = block_end(start, stop)
    for k in range(start, stop):
        row = rows[k]
        if len(w) <= NARROW:
            product = float32(0)
            for j in range(len(w)):
                product = fma(features[row, j], w[j], product)
        else:
            if (k - start) % EIGHT == 0:
                eight_products(features, rows, k, stop - 1, w, eight)
            product = eight[(k - start) % EIGHT]
        r = product + b - labels[row]
        loss, loss_lost = kahan(loss, loss_lost, loss_factor * (r * r))
        g = r * slope
        gradient_of_b, lost = kahan(gradient_of_b, lost, g)
        if k == end:
            for j in range(len(w)):
                gradient[j] += block[j]
                block[j] = 0
            end = block_end(k, stop)
        for j in range(len(w)):
            block[j] = fma(features[row, j], g, block[j])
    for j in range(len(w)):
        w[j] -= divided(learning_rate * (gradient[j] + block[j]), divisor)
        gradient[j] = block[j] = 0
    return (loss / float32(stop - start),
            b - divided(learning_rate * gradient_of_b, divisor))


def _descend(features, labels, rows, batch_size, w, b, constants, losses):
    """A step for each batch of `rows`, changing w and b, with the mean losses before them."""
    work = scratch(len(w))
    bias = b[0]
    for batch, start in enumerate(range(0, len(rows), batch_size)):
        stop = min(start + batch_size, len(rows))
        losses[batch], bias = step(features, labels, rows, start, stop, w, bias, work, constants)
    b[0] = bias


def _add_losses(features, labels, rows, w, b, loss_factor, total):
    """Add the losses of examples to `total`, an array of a sum and what its rounding lost."""
    eight = numpy.zeros(EIGHT, float32)
    loss, lost = total
    for first in range(0, len(rows), EIGHT):
        eight_products(features, rows, first, len(rows) - 1, w, eight)
        for k in range(first, min(first + EIGHT, len(rows))):
            r = eight[k - first] + b[0] - labels[rows[k]]
            loss, lost = kahan(loss, lost, loss_factor * (r * r))
    total[0], total[1] = loss, lost


_vector, _given = types.float32[::1], types.Array(types.float32, 1, "C", readonly=True)
_features = types.Array(types.float32, 2, "C", readonly=True)
_rows = types.Array(types.int64, 1, "C", readonly=True)


def _compiled(function: Any, *signature: Any) -> Any:
    """A function compiled for these types, now, or read from the user's cache folder.

    Not from beside this file, where numba looks first: what it puts there, an uninstall leaves.
    """
    def compiled(cache: bool) -> Any:
        return njit(types.void(*signature), nogil=True, error_model="numpy", cache=cache)(function)

    config: Any = numba.config
    try:
        from numba.misc.appdirs import user_cache_dir

        folder = config.CACHE_DIR or user_cache_dir("d2l_linreg", False)
        os.makedirs(folder, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # else numba turns to the folder of this file
        with patch.object(config, "CACHE_DIR", folder):
            return compiled(cache=True)
    except Exception:  # the folder cannot be written, is full, or what is in it cannot be read
        return compiled(cache=False)


descend = _compiled(_descend, _features, _given, _rows, types.int64, _vector, _vector,
                    types.UniTuple(types.float32, 4), _vector)
add_losses = _compiled(_add_losses, _features, _given, _rows, _vector, _vector, types.float32,
                       _vector)
