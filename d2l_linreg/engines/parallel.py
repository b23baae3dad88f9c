"""Training on several devices and in several processes: shares of a batch, added up by MXNet.

Each device takes its share of a batch through the loss `half * sum(residual ** 2)`, half being
1/2 for d2l and 1 for straight_dope, and through its gradient. One array a device and step,
[gradient of w, gradient of b, summed loss, number of examples], goes through MXNet's KVStore,
which gives every device the sum over all devices of all workers; then each takes the same step
with its own copy of the parameters. Nothing but these num_features + 3 numbers travels, and no
optimizer is sent to a server, which would have to unpickle it. As in the engine "compiled",
gradients are written out and a step is one compiled graph: recorded, its two dozen operators
take several times as long.

A row of -1 stands for no example: so all shares of all batches are of one size, and all workers
take equally many steps.
"""
import ctypes
import functools
import itertools
import os

import numpy

from . import autograd
from ..compat.mxnet import mx

nd, sym = mx.nd, mx.sym

KVSTORES = ("local", "device", "dist_sync")
ENGINES = ("compiled", "autograd")  # whose steps are the notebook's own, as these are
_LAUNCHED = ("DMLC_ROLE", "DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER",
             "DMLC_NUM_SERVER")
_runs = itertools.count()  # in all workers the same, as they train the same things


class Group:
    """The devices of this process, and the workers, that train together; and their engine.

    It has what every engine has (see `autograd.prepare`), but for `joined` alone: where it is
    False, there is one device in one process, and any engine will do.

    Parameters
    ----------
    contexts : tuple of mxnet.Context
    kvstore : {"local", "device", "dist_sync"} or None
        None: "local" for CPUs and "device" for GPUs, if there are several.
    engine : str
        The engine asked for.
    batch_size : int
        Of each worker.

    Attributes
    ----------
    contexts : tuple of mxnet.Context
    joined : bool
    num_workers : int
    rank : int
        This worker's number, from 0; known once the group is entered.

    Raises
    ------
    ValueError
        If an argument is not as above, or "dist_sync" is asked for in a process that is no
        worker.
    """

    dtype = "float32"
    __name__ = "parallel"
    mean_loss = staticmethod(autograd.mean_loss)

    def __init__(self, contexts, kvstore, engine, batch_size):
        if kvstore is not None and not (isinstance(kvstore, str) and kvstore in KVSTORES):
            raise ValueError("kvstore is {!r}; it must be one of {}, or None".format(
                kvstore, ", ".join(map(repr, KVSTORES))))
        self.contexts = contexts
        self.joined = kvstore is not None or len(contexts) > 1
        self.rank, self.num_workers, self.store = 0, 1, None
        if not self.joined:
            return
        if engine not in ENGINES:
            raise ValueError("engine is {!r}, which is for one device in one process; on several "
                             "use {}".format(engine, " or ".join(map(repr, ENGINES))))
        if batch_size < len(contexts):
            raise ValueError("batch_size is {}, and ctx names {} devices; give each at least one "
                             "example".format(batch_size, len(contexts)))
        gpus = contexts[0].device_type == "gpu"
        self.kvstore = kvstore or ("device" if gpus else "local")
        if kvstore == "dist_sync":
            _check_launched()
            self.num_workers = int(os.environ["DMLC_NUM_WORKER"])

    def __enter__(self):
        """Meet the other workers; waits until all are there."""
        if self.joined:
            self.store = _create(self.kvstore)
            self.rank = self.store.rank
        return self

    def __exit__(self, kind, error, traceback):
        # Else this process would wait for the others.
        if error is not None and self.joined and self.kvstore == "dist_sync":
            mx.base.check_call(mx.base._LIB.MXKVStoreSetBarrierBeforeExit(
                self.store.handle, ctypes.c_int(0)))

    def check_agreed(self, segments):
        """Wait until every worker is here; a ValueError if others are at another segment."""
        summed, workers = self.total(segments, 1)
        if summed != workers * segments:
            raise ValueError("checkpoint stands at piece {} of the run for this worker, elsewhere "
                             "for others; name a file that all can read".format(segments))

    def share(self, *arrays):
        """This worker's part of arrays in files, and how many of its first rows others have too.

        Parts lie one after the other and are of equal length, so the last ones begin a little
        early where the examples do not divide.

        Returns
        -------
        arrays : list of numpy.memmap
        shared : int
            At most num_workers - 1 over all workers.
        """
        size = -(-len(arrays[0]) // self.num_workers)
        start = min(self.rank * size, len(arrays[0]) - size)
        return [array[start:start + size] for array in arrays], self.rank * size - start

    def rows(self, notebook, batch_size, rows, own):
        """An epoch's rows in whole batches, of this worker alone.

        Parameters
        ----------
        notebook : str
        batch_size : int
            Of each worker.
        rows : array of int
            In the order of visiting: of all workers together, who take each batch in turn; or,
            if they are of this worker's `own` examples, its own.
        own : bool

        Returns
        -------
        array of int
            -1 where there is no example.
        """
        workers, rank = (1, 0) if own else (self.num_workers, self.rank)
        rows = autograd.batch_rows(notebook, workers * batch_size, rows)
        if not self.joined:
            return rows
        rows = _padded(rows, workers * batch_size)
        return rows.reshape(-1, workers, batch_size)[:, rank].ravel()

    def total(self, loss, examples):
        """The sum over all workers of a loss, summed over so many examples, and of those."""
        if self.num_workers == 1:
            return loss, examples
        packed = [nd.zeros(self._size, ctx=ctx) for ctx in self.contexts]
        packed[0][-2:] = nd.array([loss, examples])
        return tuple(self._add(packed)[0][-2:].asnumpy().astype("float64"))

    def prepare(self, notebook, settings, num_features):
        """Get ready to train as a notebook does; see `autograd.prepare`."""
        self._key, self._size, self._held = next(_runs), num_features + 3, (None, None)
        self.store.init(self._key, nd.zeros(self._size))
        # d2l divides a short batch's summed gradient by the full batch size.
        rate = settings.learning_rate / (settings.batch_size * self.num_workers)
        half = 1 / 2 if notebook == "d2l" else 1
        graphs = [_graph(half, rate, num_features) for _ in self.contexts]

        def epoch(features, labels, w, b, rows):
            examples = self._on_each_device(features, labels)
            w, b = map(autograd.as_nd, (w, b))
            params = [[param.as_in_context(ctx) for param in (w, b)] for ctx in self.contexts]
            total = [nd.zeros(self._size, ctx=ctx) for ctx in self.contexts]
            shares = self._shares(settings.batch_size, rows)
            for step in range(len(shares[0])):
                packed = []
                for device, graph in enumerate(graphs):
                    (X, y), (w_, b_) = examples[device], params[device]
                    given, *params[device] = graph(
                        X, shares[device][step], w_, total[device], b_, y)
                    packed.append(given)
                total = self._add(packed)
                loss, count = total[0].asnumpy()[-2:]
                yield numpy.array([loss / count], "float32")
            w[:], b[:] = _stepped(nd, rate, num_features, *params[0], total[0])

        return epoch

    def _on_each_device(self, *arrays):
        held, copies = self._held
        if held is not arrays[0]:  # the same examples come again and again
            copies = [[autograd.as_nd(array).as_in_context(ctx) for array in arrays]
                      for ctx in self.contexts]
            self._held = arrays[0], copies
        return copies

    def _shares(self, batch_size, rows):
        """For each device, its rows of each batch, of shape (num_batches, share)."""
        batches = _padded(rows, batch_size).reshape(-1, batch_size).T
        size = -(-batch_size // len(self.contexts))
        return [nd.array(_padded(share.T, size), dtype="int32", ctx=ctx) for share, ctx in
                zip(numpy.array_split(batches, len(self.contexts)), self.contexts)]

    def _add(self, arrays):
        """Arrays, one a device, each made the sum over all devices of all workers."""
        self.store.push(self._key, arrays)
        self.store.pull(self._key, out=arrays)
        return arrays


def _graph(half, rate, num_features):
    """A step with the last sum, and the next summand: of features, rows, w, sum, b, labels."""
    features, rows, w, total, b, labels = map(
        sym.var, ("features", "rows", "w", "total", "b", "labels"))
    w, b = _stepped(sym, rate, num_features, w, b, total)
    X, y = sym.take(features, rows), sym.take(labels, rows).reshape((-1, 1))
    there = sym.cast(rows >= 0, "float32").reshape((-1, 1))  # row 0 stands in for no example
    residual = sym.broadcast_add(sym.dot(X, w), b) - y
    residual = residual * there
    packed = sym.concat(
        sym.dot(X, 2 * half * residual, transpose_a=True).reshape((-1,)),
        sym.sum(2 * half * residual, axis=0), sym.sum(half * residual ** 2, axis=0),
        sym.sum(there, axis=0), dim=0)
    return nd.CachedOp(sym.Group([packed, w, b]), [("static_alloc", True)])


def _stepped(nd_or_sym, rate, num_features, w, b, total):
    """Parameters after a step with a sum."""
    slice_axis = nd_or_sym.slice_axis
    return (w - rate * slice_axis(total, axis=0, begin=0, end=num_features).reshape((-1, 1)),
            b - rate * slice_axis(total, axis=0, begin=num_features, end=num_features + 1))


def _padded(rows, size):
    """Rows, along their last axis, with -1 until it is a multiple of `size` long."""
    rows = numpy.asarray(rows, dtype="int64")  # a recovered order is of unsigned numbers
    missing = [(0, 0)] * (rows.ndim - 1) + [(0, -rows.shape[-1] % size)]
    return numpy.pad(rows, missing, mode="constant", constant_values=-1)


def _has_dist_kvstore():
    return mx.runtime.Features().is_enabled("DIST_KVSTORE")


def _check_launched():
    if not _has_dist_kvstore():
        raise ValueError("kvstore is 'dist_sync', but this build of MXNet ({}) has no distributed "
                         "KVStore; MXNet 1.9.1 for Linux x86-64 has it".format(mx.__version__))
    missing = [name for name in _LAUNCHED if name not in os.environ]
    if missing or os.environ["DMLC_ROLE"] != "worker":
        raise ValueError("kvstore is 'dist_sync', but this process is not one of several workers "
                         "({} not set); start them with d2l-linreg launch -n WORKERS -- train ..."
                         .format(", ".join(missing) or "DMLC_ROLE=worker is"))


def _create(kvstore):
    return _dist_store() if kvstore == "dist_sync" else mx.kv.create(kvstore)


@functools.lru_cache(maxsize=None)
def _dist_store():
    """This process's one link to the servers."""
    return mx.kv.create("dist_sync")


def is_first_worker(kvstore):
    """Whether this process is the one that writes results: with "dist_sync", worker 0 alone."""
    return kvstore != "dist_sync" or _dist_store().rank == 0
