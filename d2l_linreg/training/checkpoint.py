"""Where a long training run stands, kept in a file, so that it can go on from there.

All randomness of a run follows from its seeds: the state of its generators is rebuilt by
shuffling again, and the file holds the parameters, how far the run is, and what it has
printed and measured so far.
"""
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy

from ..errors import ArgumentError
from ..files import Exclusive
from . import storage

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
    batch_losses : list of numpy.ndarray
        Of each batch, before its step, so many in an array as came together.
    epoch_losses : list of float
        After each epoch, over all examples.
    lines : list of str
        Of the transcript.
    moving_loss : float
        The moving average: 0.99 of the old one, and 0.01 of a batch's loss.
    moving_losses : list of float
        What it was where the notebook prints it.
    seconds : float
    """

    segments: int = 0
    w: numpy.ndarray | None = None
    b: numpy.ndarray | None = None
    batch_losses: list[numpy.ndarray] = field(default_factory=list)
    epoch_losses: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    moving_loss: float = 0.0
    moving_losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, losses: numpy.ndarray, first: int,
             averages_every: int | None) -> list[tuple[int, float]]:
        """Take the mean losses of batches.

        Parameters
        ----------
        losses : numpy.ndarray, shape (batches,)
        first : int
            The number of the first of them in its epoch, from 0.
        averages_every : int or None
            As in `settings.Notebook`.

        Returns
        -------
        list of (int, float)
            The moving averages that are due now, each with its batch's number.
        """
        self.batch_losses.append(losses)
        due: list[tuple[int, float]] = []
        if averages_every is None:
            return due
        average = self.moving_loss
        for batch, loss in enumerate(losses.tolist(), first):
            average = 0.99 * average + 0.01 * loss
            if (batch + 1) % averages_every == 0:
                due.append((batch, average))
        self.moving_loss = average
        self.moving_losses += [average for _, average in due]
        return due


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

    Attributes
    ----------
    progress : Progress
        Where the run stands.

    Raises
    ------
    ArgumentError
        If it cannot be written there, is in use by another process, is of another run or, as a
        DataError, is damaged, or no checkpoint.
    """

    def __init__(self, path: str | None, run: dict[str, Any], writing: bool = True) -> None:
        self.run, self.writing = run, writing
        self.progress = Progress()
        self.saved = time.monotonic()
        self.file: Exclusive | None = None
        if path is None:
            return
        if writing:
            self.file = Exclusive(f"checkpoint is {path!r}, which", path)
        try:
            if os.path.exists(path) and os.path.getsize(path):
                self._resume(path)
        except BaseException:
            self.close()
            raise

    def _resume(self, path: str) -> None:
        arrays, text = storage.load(path, KIND)
        was, batch_losses = text.pop("run"), arrays.pop("batch_losses")
        if was.get("data") is None:
            raise ArgumentError(
                f"checkpoint is {path!r}, of a run on a notebook's data as d2l_linreg drew them "
                "before 0.2.0: 3 % of those numbers are off the authors' in the last bits, so that "
                "run cannot go on; name another file, or remove it")
        for name in self.run:
            if was.get(name) != self.run[name]:
                raise ArgumentError(
                    f"checkpoint is {path!r}, of another run: its {name} is {was.get(name)!r}, not "
                    f"{self.run[name]!r}; name another file, or remove it")
        self.progress = Progress(batch_losses=[batch_losses], w=arrays["w"], b=arrays["b"], **text)
        if self.writing:
            print(f"resumed from {path} after {len(batch_losses)} steps", file=sys.stderr)

    def close(self) -> None:
        """Give the file free for other processes."""
        if self.file is not None:
            self.file.close()

    def save(self, at_once: bool = False) -> None:
        """Write the file, if it is time, or `at_once`."""
        due = at_once or time.monotonic() - self.saved >= EVERY
        if self.file is None or not due:
            return
        # In one piece from now on, so that the next time does not go through all pieces again
        batch_losses = numpy.concatenate(self.progress.batch_losses)
        self.progress.batch_losses = [batch_losses]
        text = dict(vars(self.progress), batch_losses=batch_losses)
        arrays = {name: text.pop(name) for name in ("w", "b", "batch_losses")}
        self.file.write(storage.packed(KIND, arrays, dict(text, run=self.run)))
        self.saved = time.monotonic()
