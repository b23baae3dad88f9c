"""Where a long training run stands, kept in a file, so that it can go on from there.

All randomness of a run follows from its seeds: the state of its generators is rebuilt by
shuffling again, and the file holds the parameters, how far the run is, and what it has
measured so far, from which what it has printed is made again.
"""
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy

from ..errors import ArgumentError, DataError
from ..files import Exclusive
from ..settings import Notebook
from . import storage
from .schema import shown

# Seconds between two writings of the file, and how many of them it may take. As it grows it takes
# longer, and comes as much later: what is lost at most is fifty times what the last one took.
EVERY, TAKING = 1.0, 0.02
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
    moving_loss: float = 0.0
    moving_losses: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def stand(self, segments: int, w: numpy.ndarray, b: numpy.ndarray, seconds: float) -> None:
        """Take note of where the run stands; parameters are copied."""
        self.segments, self.w, self.b, self.seconds = segments, w.copy(), b.copy(), seconds

    def take(self, losses: numpy.ndarray, first: int, own: Notebook) -> list[tuple[int, float]]:
        """Take the mean losses of batches.

        Parameters
        ----------
        losses : numpy.ndarray, shape (batches,)
        first : int
            The number of the first of them in its epoch, from 0.
        own : Notebook

        Returns
        -------
        list of (int, float)
            The moving averages that are due now, each with its batch's number.
        """
        self.batch_losses.append(losses)
        due: list[tuple[int, float]] = []
        if own.averages_every is None:
            return due
        average = self.moving_loss
        for batch, loss in enumerate(losses.tolist(), first):
            average = 0.99 * average + 0.01 * loss
            if (batch + 1) % own.averages_every == 0:
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
        self.path, self.run, self.writing = path, run, writing
        self.progress = Progress()
        self.saved, self.took = time.monotonic(), 0.0
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
        values = storage.load(path, KIND)
        was, batch_losses = values.pop("run"), values.pop("batch_losses")
        if was.get("data") is None:
            raise ArgumentError(
                f"checkpoint is {path!r}, of a run on a notebook's data as d2l_linreg drew them "
                "before 0.2.0: 3 % of those numbers are off the authors' in the last bits, so that "
                "run cannot go on; name another file, or remove it")
        if not self.writing:
            del was["data"]  # of the first worker, whose share may be another
        for name in {**self.run, **was}:
            if was.get(name) != self.run.get(name):
                raise ArgumentError(
                    f"checkpoint is {path!r}, of another run: its {name} is "
                    f"{shown(was.get(name))}, not {shown(self.run.get(name))}; name "
                    "another file, or remove it")
        self.progress = Progress(batch_losses=[batch_losses], **values)
        if self.writing:
            print(f"resumed from {path} after {len(batch_losses)} steps", file=sys.stderr)

    def close(self) -> None:
        """Give the file free for other processes."""
        if self.file is not None:
            self.file.close()

    def go_on(self, w: numpy.ndarray, b: numpy.ndarray, epoch: int, steps: int,
              averages: int) -> None:
        """Put the parameters in place, as the run has come to where the file stands.

        Parameters
        ----------
        w, b : numpy.ndarray
            Changed in place.
        epoch : int
            In which it is, from 0.
        steps, averages : int
            How many batches it has taken, and how many moving averages were due.

        Raises
        ------
        DataError
            If the file holds what does not belong to this place of the run.
        """
        progress = self.progress
        for name, agrees in (
                ("w", progress.w is not None and progress.w.shape == w.shape),
                ("b", progress.b is not None and progress.b.shape == b.shape),
                ("batch_losses", sum(map(len, progress.batch_losses)) == steps),
                ("epoch_losses", len(progress.epoch_losses) in (epoch, epoch + 1)),
                ("moving_losses", len(progress.moving_losses) == averages)):
            if not agrees:
                raise self.of_another_place(name)
        w[:], b[:] = progress.w, progress.b

    def of_another_place(self, name: str) -> DataError:
        """The error of a file whose `name` does not belong to the place where it stands."""
        return storage.unfit(self.path, KIND, f"its {name} and its segments do not go together in "
                             "this run; name another file, or remove it")

    def save(self, at_once: bool = False) -> None:
        """Write the file, if it is time, or `at_once`."""
        started = time.monotonic()
        due = at_once or started - self.saved >= EVERY * max(1, self.took / TAKING)
        if self.file is None or not due:
            return
        # In one piece from now on, so that the next time does not go through all pieces again
        batch_losses = numpy.concatenate(self.progress.batch_losses)
        self.progress.batch_losses = [batch_losses]
        text = dict(vars(self.progress), batch_losses=batch_losses)
        arrays = {name: text.pop(name) for name in ("w", "b", "batch_losses")}
        self.file.write(storage.packed(KIND, arrays, dict(text, run=self.run)))
        self.saved = time.monotonic()
        self.took = self.saved - started
