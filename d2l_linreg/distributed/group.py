"""The devices and workers that train together: who they are, what each takes, what they add up."""
import atexit
import ctypes
import functools
import itertools
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy

from ..arguments import one_of
from ..compat.mxnet import mx
from ..errors import ArgumentError, DataError
from .node import ENVIRONMENT, waiting

nd = mx.nd

KVSTORES = ("local", "device", "dist_sync")
_keys = itertools.count()  # in all workers the same, as they train the same things


class Group:
    """The devices of this process, and the workers, that train together.

    Parameters
    ----------
    contexts : tuple of mxnet.Context
    kvstore : {"local", "device", "dist_sync"}, optional
        MXNet's store that adds up. By default none for one device, else "local" for CPUs and
        "device" for GPUs.

    Attributes
    ----------
    contexts : tuple of mxnet.Context
    kvstore : str or None
        None where there is one device in one process, and nothing to add up.
    num_workers : int
    rank : int
        This worker's number, from 0; known once the group is entered.

    Raises
    ------
    ArgumentError
        If an argument is not as above, or "dist_sync" is asked for in a process that is no
        worker.
    """

    def __init__(self, contexts: tuple[mx.Context, ...], kvstore: Any = None) -> None:
        if kvstore is not None:
            one_of("kvstore", kvstore, KVSTORES)
        elif len(contexts) > 1:
            kvstore = "device" if contexts[0].device_type == "gpu" else "local"
        self.contexts, self.kvstore = contexts, kvstore
        self.rank, self.num_workers = 0, 1
        self._store: Any = None
        self._keys: dict[int, int] = {}  # in the store, by the size of what is added up
        if kvstore == "dist_sync":
            _check_launched()
            self.num_workers = int(os.environ["DMLC_NUM_WORKER"])

    def __enter__(self) -> "Group":
        """Meet the other workers; waits until all are there."""
        if self.kvstore is not None:
            with waiting():
                self._store = (_dist_store() if self.kvstore == "dist_sync"
                               else mx.kv.create(self.kvstore))
            self.rank = self._store.rank
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        """Leave without waiting for the others, if an error is why."""
        if error is not None and self.kvstore == "dist_sync":
            mx.base.check_call(mx.base._LIB.MXKVStoreSetBarrierBeforeExit(
                self._store.handle, ctypes.c_int(0)))

    def check_agreed(self, segments: int) -> None:
        """Wait until every worker is here, and see that all are at the same place of the run.

        Parameters
        ----------
        segments : int
            How many pieces of it this worker has done.

        Raises
        ------
        ArgumentError
            If others have done more, or fewer.
        """
        summed, workers = self.total(segments, 1)
        if summed != workers * segments:
            raise ArgumentError(f"checkpoint stands at piece {segments} of the run for this "
                                "worker, elsewhere for others; name a file that all can read")

    def share(self, *arrays: numpy.ndarray) -> tuple[list[numpy.ndarray], int]:
        """Find this worker's part of arrays in files, and how many of its first rows others have.

        Parts are of equal length, so that all workers take equally many steps, and begin at
        equal distances, the last where it ends with the arrays. So each row is in one part, or
        in two next to each other; that are at most num_workers - 1 rows over all workers.

        Parameters
        ----------
        *arrays : NpyFile
            Of equal length.

        Returns
        -------
        arrays : list of NpyFile
        shared : int
            How many of the first rows the worker before this one has too.

        Raises
        ------
        DataError
            If there are more workers than rows.
        """
        rows, workers = len(arrays[0]), self.num_workers
        if rows < workers:
            raise DataError(f"data has {rows} examples, too few for {workers} workers, who take a "
                            "part of the file each; give it to fewer")
        size = -(-rows // workers)

        def start(rank: int) -> int:
            return rank * (rows - size) // max(workers - 1, 1)

        own = start(self.rank)
        shared = start(self.rank - 1) + size - own if self.rank else 0
        return [array[own:own + size] for array in arrays], shared

    def total(self, *numbers: float) -> Sequence[float]:
        """Numbers, each summed over all workers."""
        if self.num_workers == 1:
            return numbers
        packed = [nd.zeros(len(numbers), ctx=ctx) for ctx in self.contexts]
        packed[0][:] = nd.array(numbers)
        return self.add(packed)[0].asnumpy().astype("float64").tolist()

    def add(self, arrays: list[mx.nd.NDArray]) -> list[mx.nd.NDArray]:
        """Arrays, one a device, each made the sum over all devices of all workers."""
        size = arrays[0].size
        with waiting():
            if size not in self._keys:
                self._keys[size] = next(_keys)
                self._store.init(self._keys[size], nd.zeros(size))
            self._store.push(self._keys[size], arrays)
            self._store.pull(self._keys[size], out=arrays)
            arrays[0].wait_to_read()
        return arrays


def _check_launched() -> None:
    if not mx.runtime.Features().is_enabled("DIST_KVSTORE"):
        raise ArgumentError(f"kvstore is 'dist_sync', but this build of MXNet ({mx.__version__}) "
                            "has no distributed KVStore; MXNet 1.9.1 for Linux x86-64 has it")
    missing = [name for name in ENVIRONMENT if name not in os.environ]
    if missing or os.environ["DMLC_ROLE"] != "worker":
        raise ArgumentError("kvstore is 'dist_sync', but this process is not one of several "
                            f"workers ({', '.join(missing) or 'DMLC_ROLE=worker is'} not set); "
                            "start them with d2l-linreg launch -n WORKERS -- train ...")


@functools.cache
def _dist_store() -> Any:
    """The one link of the process to the servers."""
    # When the last reference goes it waits for the other workers: before Python's end stops the
    # thread that shows life, not after.
    atexit.register(_part)
    return mx.kv.create("dist_sync")


def _part() -> None:
    with waiting():
        _dist_store.cache_clear()


def is_first_worker(kvstore: str | None) -> bool:
    """Whether this process is the one that writes results: with "dist_sync", worker 0 alone."""
    return kvstore != "dist_sync" or _dist_store().rank == 0
