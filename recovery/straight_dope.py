"""Find the order under which MXNet prints all ten averages that The Straight Dope published.

One order serves both epochs, and an average every 500 batches is printed to 12 digits, so
each segment of 500 batches has two averages to hit, one an epoch. Three stages, each finer:

1. Climb: swap two examples anywhere, keeping what brings all ten averages closer.
2. Redeal: deal the 16 examples of four batches anew such that both epochs leave these
   batches with the parameters they had, bit for bit. Nothing after them changes, so what
   several such windows do to the averages simply adds up, and the right ones among their
   alternatives are found by sorting the sums of one half and looking up the other half's.
3. Reorder: the same with the order inside single batches, which leaves the parameters
   alone nearly always and moves the loss by a last bit or not at all.
"""
import itertools
import math
import sys

import numpy
from command import run, say
from deals import deals
from numba import njit

from d2l_linreg import published, straight_dope
from d2l_linreg.compat.mxnet import numpy_semantics
from d2l_linreg.compat.streams import seeded
from d2l_linreg.engines.arithmetic import constants, scratch, step
from d2l_linreg.settings import NOTEBOOKS

NUM_EXAMPLES, BATCH_SIZE = 10000, 4
CONSTANTS = constants(NOTEBOOKS["straight_dope"], NOTEBOOKS["straight_dope"].settings)
NUM_EPOCHS, NUM_BATCHES, SEGMENT = 2, 2500, 500

# Deviations, relative to the averages, at which the next stage takes over; it reaches farther.
CLIMBED, REDEALT = 2e-5, 2e-9
# Deviation that ends stage 3, in units of the twelfth digit; rounding would allow 0.5, less
# what the average before, off as much itself, carries over.
PRINTED = 0.45
# Batches in a window of stage 2, and how many alternatives to it are looked for.
WINDOW, ALTERNATIVES = 4, 16
# Sums in each half of a match, in stages 2 and 3; enough that several pairs should fit.
COARSE, FINE = 2**20, 2**18


@njit(forceinline=True)
def train_batch(features, labels, rows, first, w0, w1, b, w, work):
    """One step, in `w` and `work`: the batch's mean loss before it, and parameters after it."""
    w[0], w[1] = w0, w1
    loss, b = step(features, labels, rows, first, first + BATCH_SIZE, w, b, work, CONSTANTS)
    return loss, w[0], w[1], b


@njit
def simulate(features, labels, order, initial):
    """Train as the notebook does, bit for bit.

    Returns
    -------
    averages : array, shape (2, 5), float64
        The moving average of the losses at each segment's end, by epoch.
    params : array, shape (2, 2501, 3), float32
        w0, w1 and b before each batch, and after the last one.
    """
    averages = numpy.empty((NUM_EPOCHS, NUM_BATCHES // SEGMENT))
    params = numpy.empty((NUM_EPOCHS, NUM_BATCHES + 1, 3), numpy.float32)
    w, work = numpy.empty(2, numpy.float32), scratch(2)
    w0, w1, b = initial
    average = 0.0
    for epoch in range(NUM_EPOCHS):
        params[epoch, 0] = w0, w1, b
        for batch in range(NUM_BATCHES):
            loss, w0, w1, b = train_batch(features, labels, order, batch * BATCH_SIZE, w0, w1, b,
                                          w, work)
            average = 0.99 * average + 0.01 * numpy.float64(loss)
            params[epoch, batch + 1] = w0, w1, b
            if (batch + 1) % SEGMENT == 0:
                averages[epoch, batch // SEGMENT] = average
    return averages, params


@njit
def climb(features, labels, order, initial, goal, seed):
    """Stage 1: swap examples behind the first batch until all averages are CLIMBED."""
    numpy.random.seed(seed)
    off = simulate(features, labels, order, initial)[0] / goal - 1
    span = len(order) - BATCH_SIZE
    while numpy.abs(off).max() > CLIMBED:
        # Near and far swaps, evenly by the distance's logarithm: coarse and fine moves.
        i = numpy.random.randint(0, span)
        j = (i + int(math.exp(numpy.random.random() * math.log(span)))) % span
        i, j = i + BATCH_SIZE, j + BATCH_SIZE
        order[i], order[j] = order[j], order[i]
        trial = simulate(features, labels, order, initial)[0] / goal - 1
        if (trial ** 2).sum() < (off ** 2).sum():
            off = trial
        else:
            order[i], order[j] = order[j], order[i]


@njit
def keeps(features, labels, rows, before, after):
    """Whether the batches in `rows` lead from the one set of parameters to the other."""
    w, work = numpy.empty(2, numpy.float32), scratch(2)
    w0, w1, b = before
    for first in range(0, len(rows), BATCH_SIZE):
        _, w0, w1, b = train_batch(features, labels, rows, first, w0, w1, b, w, work)
    return w0 == after[0] and w1 == after[1] and b == after[2]


@njit
def redeals(features, labels, rows, before, after, first, second, third):
    """Deals of 16 rows into four batches that keep the parameters in both epochs.

    Parameters
    ----------
    features, labels : array
    rows : array, shape (16,), int64
        The four batches as they are.
    before, after : array, shape (2, 3), float32
        Parameters before and after them, by epoch.
    first, second, third : array
        What `deals` gives for 16, 12 and 8.

    Returns
    -------
    array, shape (up to ALTERNATIVES, 16), int64
        Of the 63,063,000 deals the first that do; the very first of all is `rows` itself.
    """
    found, count = numpy.empty((ALTERNATIVES, len(rows)), numpy.int64), 0
    dealt, w, work = rows.copy(), numpy.empty(2, numpy.float32), scratch(2)
    # A tree: what follows a batch starts from the parameters which that batch led to.
    for i in range(len(first)):
        dealt[:] = rows[first[i]]
        _, v0, v1, c = train_batch(features, labels, dealt, 0, before[0, 0], before[0, 1],
                                   before[0, 2], w, work)
        twelve = dealt[4:].copy()
        for j in range(len(second)):
            dealt[4:] = twelve[second[j]]
            _, u0, u1, d = train_batch(features, labels, dealt, 4, v0, v1, c, w, work)
            eight = dealt[8:].copy()
            for k in range(len(third)):
                for place in range(8):
                    dealt[8 + place] = eight[third[k, place]]
                _, w0, w1, b = train_batch(features, labels, dealt, 8, u0, u1, d, w, work)
                _, w0, w1, b = train_batch(features, labels, dealt, 12, w0, w1, b, w, work)
                if (w0 == after[0, 0] and w1 == after[0, 1] and b == after[0, 2]
                        and keeps(features, labels, dealt, before[1], after[1])):
                    found[count] = dealt
                    count += 1
                    if count == ALTERNATIVES:
                        return found
    return found[:count]


@njit
def effects(features, labels, alternatives, before, weights):
    """What each alternative to the first one adds to the segment's averages.

    Parameters
    ----------
    features, labels : array
    alternatives : array, shape (count, 4 * batches), int64
    before : array, shape (2, 3), float32
        Parameters before the window, by epoch.
    weights : array, shape (2, batches), float64
        What a unit of each batch's loss adds to the average, relative to its goal.

    Returns
    -------
    array, shape (count, 2), float64
    """
    added = numpy.zeros((len(alternatives), NUM_EPOCHS))
    w, work = numpy.empty(2, numpy.float32), scratch(2)
    for k in range(len(alternatives)):
        for epoch in range(NUM_EPOCHS):
            w0, w1, b = before[epoch]
            for batch in range(weights.shape[1]):
                loss, w0, w1, b = train_batch(features, labels, alternatives[k],
                                              batch * BATCH_SIZE, w0, w1, b, w, work)
                added[k, epoch] += weights[epoch, batch] * numpy.float64(loss)
    return added - added[0]


@njit
def pair(left, right, gap, tolerance):
    """Indices of two sums, one of each half, that together fill both gaps; or -1, -1.

    `right` must be sorted by its first column.
    """
    for i in range(len(left)):
        wanted = gap - left[i]
        k = numpy.searchsorted(right[:, 0], wanted[0] - tolerance[0])
        while k < len(right) and right[k, 0] <= wanted[0] + tolerance[0]:
            if abs(right[k, 1] - wanted[1]) <= tolerance[1]:
                return i, k
            k += 1
    return -1, -1


def match(windows, gap, tolerance):
    """Which alternative to take in each window so that the effects fill both gaps.

    Parameters
    ----------
    windows : list of array, shape (count, 2)
        Effects of each window's alternatives on the averages of the two epochs.
    gap, tolerance : array, shape (2,)

    Returns
    -------
    list of int, or None
    """
    by_count = sorted(range(len(windows)), key=lambda window: len(windows[window]))
    halves = by_count[::2], by_count[1::2]
    sums = []
    for half in halves:
        total = numpy.zeros((1, NUM_EPOCHS))
        for window in half:
            total = (total[:, None] + windows[window]).reshape(-1, NUM_EPOCHS)
        sums.append(total)
    left, right = sums
    rank = right[:, 0].argsort(kind="stable")
    i, k = pair(left, right[rank], gap, tolerance)
    if i < 0:
        return None
    chosen = {}
    for half, index in zip(halves, (i, rank[k]), strict=True):
        counts = [len(windows[window]) for window in half]
        chosen.update(zip(half, numpy.unravel_index(index, counts), strict=True))
    return [chosen[window] for window in range(len(windows))]


def adjust(examples, order, initial, goal, segment, length, alternatives, tolerance, size):
    """Stages 2 and 3: rearrange windows of `length` batches, from a segment's end backwards.

    Parameters
    ----------
    examples : (array, array)
        Features and labels.
    order : array, shape (10000,), int64
        Changed in place.
    initial : array, shape (3,), float32
    goal : array, shape (2, 5), float64
        Published averages, by epoch and segment.
    segment, length : int
    alternatives : callable
        From rows, and the parameters before and after them, to arrangements of these rows.
    tolerance : array, shape (2,)
        How far the averages may stay from their goals, relative to them.
    size : int
        Match as soon as the alternatives make for two halves of so many sums.

    Returns
    -------
    bool
        Whether the segment's two averages came within tolerance.
    """
    averages, params = simulate(*examples, order, initial)
    reached = averages[:, segment]
    # Epoch 1 starts from epoch 0's last average, which comes to its goal last of all.
    reached[1] += 0.99 ** (SEGMENT * (segment + 1)) * (goal[0, -1] - averages[0, -1])
    gap = 1 - reached / goal[:, segment]

    end = (segment + 1) * SEGMENT
    windows, combinations = [], 1
    for batch in range(end - length, end - SEGMENT, -length):
        rows = slice(batch * BATCH_SIZE, (batch + length) * BATCH_SIZE)
        before, after = params[:, batch], params[:, batch + length]
        found = alternatives(order[rows], before, after)
        ages = end - 1 - numpy.arange(batch, batch + length)
        weights = 0.01 * 0.99 ** ages / goal[:, segment, None]
        # Alternatives that do the same count once.
        effect, kept = numpy.unique(effects(*examples, found, before, weights), axis=0,
                                    return_index=True)
        windows.append((rows, found[kept], effect))
        combinations *= len(effect)
        if combinations >= size ** 2:
            chosen = match([effect for _, _, effect in windows], gap, tolerance)
            if chosen is not None:
                for (rows, found, _), choice in zip(windows, chosen, strict=True):
                    order[rows] = found[choice]
                return True
            windows, combinations = [], 1
    return False


def attempt(examples, initial, goal, printed_rows, rng):
    """An order under which all averages print as published, or None."""
    others = numpy.setdiff1d(numpy.arange(NUM_EXAMPLES), printed_rows)
    order = numpy.concatenate([printed_rows, rng.permutation(others)])
    climb(*examples, order, initial, goal, rng.randint(2**31))
    say(f"climbed: all averages within {CLIMBED:.0e} of their goals")

    first, second, third = (deals(count, BATCH_SIZE) for count in (16, 12, 8))
    orders_of_four = numpy.array(list(itertools.permutations(range(BATCH_SIZE))))

    def redealt(rows, before, after):
        return redeals(*examples, rows, before, after, first, second, third)

    def reordered(rows, before, after):
        return numpy.array([
            arrangement for arrangement in rows[orders_of_four]
            if all(keeps(*examples, arrangement, before[epoch], after[epoch])
                   for epoch in range(NUM_EPOCHS))])

    for segment in range(goal.shape[1]):
        last_digit = 10.0 ** (numpy.floor(numpy.log10(goal[:, segment])) - 11)
        printed = PRINTED * last_digit / goal[:, segment]
        for stage, length, alternatives, tolerance, size in (
                ("redealt", WINDOW, redealt, numpy.full(NUM_EPOCHS, REDEALT), COARSE),
                ("reordered", 1, reordered, printed, FINE)):
            if not adjust(examples, order, initial, goal, segment, length, alternatives,
                          tolerance, size):
                say(f"segment {segment}: cannot be {stage}; starting anew")
                return None
            say(f"segment {segment}: {stage} to within {max(tolerance):.1e}")
    return order


def search(seed):
    """The order that both epochs share, shape (10000,)."""
    with numpy_semantics(False), seeded(1):
        X, y = straight_dope.synthetic_data(NUM_EXAMPLES)
        w, b = straight_dope.init_params()
        examples = X.asnumpy(), y.asnumpy()
        initial = numpy.append(w.asnumpy(), b.asnumpy())
    lines = published.text("straight_dope", "training").splitlines()
    goal = numpy.array([float(line.split()[-1]) for line in lines]).reshape(NUM_EPOCHS, -1)
    printed_rows = published.document("straight_dope")["minibatch_rows"]
    rng = numpy.random.RandomState(seed)
    while True:
        order = attempt(examples, initial, goal, printed_rows, rng)
        if order is not None:
            return order


if __name__ == "__main__":
    sys.exit(run("straight_dope", search))
