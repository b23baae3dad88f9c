"""Where a long training run stands, kept in a file, so that it can go on from there.

All randomness of a run follows from its seeds: the state of its generators is rebuilt by
shuffling again, and the file holds the parameters, how far the run is, and what it has
printed and measured so far.
"""
import hashlib
import os
import sys
import time
from dataclasses import dataclass, field
from typing import List

import numpy

from . import storage
from .given import CHECKED

EVERY = 1.0  # seconds between two writings of the file, and so what is lost at most, or nearly
KIND = "checkpoint"


@dataclass
class Progress:
    """How far a run is.

    Attributes
    ----------
    segments : int
        How many pieces of epochs are done.
    w, b : numpy.ndarray or None
        Parameters after them; None at the start.
    batch_losses, epoch_losses : list of float
    lines : list of str
        Of the transcript.
    moving_loss : float
    moving_losses : list of float
    seconds : float
    """

    segments: int = 0
    w: numpy.ndarray = None
    b: numpy.ndarray = None
    batch_losses: List[numpy.ndarray] = field(default_factory=list)
    epoch_losses: List[float] = field(default_factory=list)
    lines: List[str] = field(default_factory=list)
    moving_loss: float = 0.0
    moving_losses: List[float] = field(default_factory=list)
    seconds: float = 0.0


class Checkpoint:
    """The file of one run.

    Parameters
    ----------
    path : str or None
        None: nothing is kept.
    run : dict
        All that the run's numbers follow from, as JSON can hold it. A file that is of another
        run is refused.
    writing : bool, default True
        Whether this process keeps the file; of several workers, the others only read it.

    Raises
    ------
    DataError
        If the file is there and damaged, or not a checkpoint.
    ValueError
        If it cannot be written there, or is of another run.
    """

    def __init__(self, path, run, writing=True):
        self.path, self.run, self.writing = path, run, writing
        self.progress = Progress()
        self.saved = time.monotonic()
        if path is None:
            return
        if writing:
            try:
                storage.check_writable(path)
            except ValueError as error:
                raise ValueError("checkpoint is {!r}, which {}".format(path, error)) from error
        if os.path.exists(path):
            self._resume()

    def _resume(self):
        arrays, text = storage.load(self.path, KIND)
        was = text.pop("run")
        for name in self.run:
            if was.get(name) != self.run[name]:
                raise ValueError("checkpoint is {!r}, of another run: its {} is {!r}, not {!r}; "
                                 "name another file, or remove it".format(
                                     self.path, name, was.get(name), self.run[name]))
        batch_losses = arrays.pop("batch_losses")
        self.progress = Progress(batch_losses=[batch_losses], **arrays, **text)
        if self.writing:
            print("resumed from {} after {} steps".format(self.path, len(batch_losses)),
                  file=sys.stderr)

    def save(self, at_once=False):
        """Write the file, if it is time, or `at_once`."""
        due = at_once or time.monotonic() - self.saved >= EVERY
        if self.path is None or not self.writing or not due:
            return
        # In one piece from now on, so that the next time does not go through all pieces again
        batch_losses = numpy.concatenate(self.progress.batch_losses)
        self.progress.batch_losses = [batch_losses]
        text = dict(vars(self.progress), batch_losses=batch_losses)
        arrays = {name: text.pop(name) for name in ("w", "b", "batch_losses")}
        storage.save(self.path, KIND, arrays, dict(text, run=self.run))
        self.saved = time.monotonic()


def fingerprint(*arrays):
    """The sha256 of arrays: their shapes, types and bytes; files are read in blocks."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update("{} {}".format(array.shape, array.dtype).encode())
        for start in range(0, len(array), CHECKED):
            digest.update(numpy.ascontiguousarray(array[start:start + CHECKED]))
    return digest.hexdigest()
