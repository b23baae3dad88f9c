"""How examples can be dealt into batches."""
import itertools

import numpy


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
