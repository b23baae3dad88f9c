"""Where the examples of an epoch come from: memory, or files larger than memory."""
import contextlib
import functools

import numpy

BLOCK = 2**26  # bytes of features, in float32, that are read from a file at a time
STEPS, SEGMENT = 4000, 2**25  # at most so many steps, and numbers of features, go in one piece


def segments(blocks, settings, num_features, whole_batches):
    """An epoch in pieces of whole batches, after each of which training can stop.

    Parameters
    ----------
    blocks : iterable of (callable, array of int)
        Functions to features and labels, and the order of their rows.
    settings : Settings
    num_features : int
    whole_batches : callable
        From an order of rows to one that fills batches, but for a short last one.

    Yields
    ------
    batch : int
        The number of the piece's first batch in the epoch, from 0.
    read : callable
        To features and labels, which it reads when it is first called.
    rows : array of int
    """
    batches = max(min(STEPS, SEGMENT // (settings.batch_size * num_features)), 1)
    size = batches * settings.batch_size
    batch = 0
    for read, rows in blocks:
        read, rows = functools.lru_cache(maxsize=None)(read), whole_batches(rows)
        for start in range(0, len(rows), size):
            segment = rows[start:start + size]
            yield batch, read, segment
            batch += -(-len(segment) // settings.batch_size)


class InMemory:
    """Examples on the device.

    Parameters
    ----------
    features, labels : MXNet arrays, shapes (num_examples, num_features) and (num_examples,)
    orders : iterable of array of int
        For each epoch, the rows in the order of visiting.
    """

    def __init__(self, features, labels, orders):
        self.features, self.labels, self.orders = features, labels, orders

    def epochs(self):
        """For each epoch, its blocks: a function to features and labels, and their rows' order."""
        for rows in self.orders:
            yield [(lambda: (self.features, self.labels), rows)]

    def average(self, loss):
        """The average over all examples of a `loss(features, labels)`, itself an average."""
        return loss(self.features, self.labels)


class Mapped:
    """Examples in memory-mapped files, shuffled by blocks and within each block.

    Parameters
    ----------
    features, labels : numpy.memmap, shapes (num_examples, num_features) and (num_examples,)
    load : callable
        From NumPy's arrays to the device's.
    settings : Settings
        Blocks are made of whole batches, so that only an epoch's last example may be in a
        short one.
    shuffles_once : bool
        Whether all epochs share one order.
    verbose : bool
        Whether to say how the examples are shuffled, and to show a progress bar.
    shared : int
        How many of the first rows another worker has too: it is they who average over them.
    total : callable
        From a loss, summed over some examples, and their number to those of all workers.
    """

    def __init__(self, features, labels, load, settings, shuffles_once, verbose, shared, total):
        self.features, self.labels, self.load = features, labels, load
        self.settings, self.shuffles_once, self.verbose = settings, shuffles_once, verbose
        self.shared, self.total = shared, total
        batches = max(BLOCK // (4 * features.shape[1]) // settings.batch_size, 1)
        rows = batches * settings.batch_size
        starts = numpy.arange(max(len(labels) // rows, 1)) * rows
        self.bounds = list(zip(starts, [*starts[1:], len(labels)]))  # the last takes the rest
        if verbose:
            print("{} examples are read from file, shuffled in {} blocks of about {}, and within "
                  "each".format(len(labels), len(self.bounds), rows))

    def epochs(self):
        """For each epoch, its blocks: a function to features and labels, and their rows' order."""
        shuffled = numpy.random.RandomState(self.settings.shuffle_seed).permutation
        for epoch in range(self.settings.num_epochs):
            if self.shuffles_once:
                shuffled = numpy.random.RandomState(self.settings.shuffle_seed).permutation
            yield self._epoch(epoch, shuffled)

    def _epoch(self, epoch, shuffled):
        with _progress_bar(self.verbose, len(self.labels), "epoch {}".format(epoch)) as bar:
            for block in shuffled(len(self.bounds)):
                start, stop = self.bounds[block]
                yield functools.partial(self._block, start, stop), shuffled(stop - start)
                bar.update(stop - start)

    def average(self, loss):
        """The average over all examples of a `loss(features, labels)`, itself an average."""
        bounds = [(max(start, self.shared), stop) for start, stop in self.bounds
                  if stop > self.shared]
        counts = [stop - start for start, stop in bounds]
        losses = numpy.multiply([loss(*self._block(*block)) for block in bounds], counts)
        summed, count = self.total(losses.sum(), sum(counts))
        return float(summed / count)

    def _block(self, start, stop):
        return tuple(self.load(numpy.asarray(array[start:stop], dtype="float32"))
                     for array in (self.features, self.labels))


@contextlib.contextmanager
def _progress_bar(verbose, total, what):
    try:
        from tqdm import tqdm
    except ImportError:
        tqdm = None
    if tqdm is None:
        yield _NoBar
    else:
        with tqdm(total=total, desc=what, unit=" examples", unit_scale=True,
                  disable=not verbose) as bar:
            yield bar


class _NoBar:
    """In place of a bar where tqdm is not installed."""

    @staticmethod
    def update(count):
        pass
