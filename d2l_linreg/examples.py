"""Where the examples of an epoch come from: memory, or files larger than memory."""
import contextlib

import numpy

BLOCK = 2**26  # bytes of features, in float32, that are read from a file at a time


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
        """For each epoch, its blocks: features, labels, and the order of their rows."""
        for rows in self.orders:
            yield [(self.features, self.labels, rows)]

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
    """

    def __init__(self, features, labels, load, settings, shuffles_once, verbose):
        self.features, self.labels, self.load = features, labels, load
        self.settings, self.shuffles_once, self.verbose = settings, shuffles_once, verbose
        batches = max(BLOCK // (4 * features.shape[1]) // settings.batch_size, 1)
        rows = batches * settings.batch_size
        starts = numpy.arange(max(len(labels) // rows, 1)) * rows
        self.bounds = list(zip(starts, [*starts[1:], len(labels)]))  # the last takes the rest
        if verbose:
            print("{} examples are read from file, shuffled in {} blocks of about {}, and within "
                  "each".format(len(labels), len(self.bounds), rows))

    def epochs(self):
        """For each epoch, its blocks: features, labels, and the order of their rows."""
        shuffled = numpy.random.RandomState(self.settings.shuffle_seed).permutation
        for epoch in range(self.settings.num_epochs):
            if self.shuffles_once:
                shuffled = numpy.random.RandomState(self.settings.shuffle_seed).permutation
            yield self._epoch(epoch, shuffled)

    def _epoch(self, epoch, shuffled):
        with _progress_bar(self.verbose, len(self.labels), "epoch {}".format(epoch)) as bar:
            for block in shuffled(len(self.bounds)):
                features, labels = self._block(*self.bounds[block])
                yield features, labels, shuffled(len(labels))
                bar.update(len(labels))

    def average(self, loss):
        """The average over all examples of a `loss(features, labels)`, itself an average."""
        losses = [loss(*self._block(*bounds)) for bounds in self.bounds]
        return float(numpy.average(losses, weights=[stop - start for start, stop in self.bounds]))

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
