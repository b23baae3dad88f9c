"""What each notebook prints while it trains, in its own format."""
import threading

import numpy

from ..compat.printing import default_printing
from ..settings import Notebook
from .checkpoint import Progress

_printing = threading.Lock()  # NumPy's options are one for all threads


class Transcript:
    """The lines of a run, kept in its progress and, if `verbose`, printed as they come.

    Parameters
    ----------
    own : Notebook
        Whose lines, by their formats.
    progress : Progress
        The lines in it, of before a checkpoint, come again.
    verbose : bool
    """

    def __init__(self, own: Notebook, progress: Progress, verbose: bool) -> None:
        self.own, self.progress, self.verbose = own, progress, verbose
        lines, progress.lines = progress.lines, []
        for line in lines:
            self._say(line)

    def _say(self, line: str) -> None:
        self.progress.lines.append(line)
        if self.verbose:
            print(line)

    def after_average(self, epoch: int, batch: int, average: float) -> None:
        """Tell a moving average; epochs and batches count from 0."""
        if self.own.average_line is not None:
            self._say(self.own.average_line.format(epoch=epoch, batch=batch, average=average))

    def after_epoch(self, epoch: int, loss: float) -> None:
        """Tell the loss over all examples after an epoch, counted from 0."""
        if self.own.epoch_line is not None:
            self._say(self.own.epoch_line.format(epoch=epoch + 1, loss=loss))

    def after_training(self, w_error: numpy.ndarray, b_error: numpy.ndarray) -> None:
        """Tell the errors of the parameters: true minus estimated."""
        with _printing, default_printing():
            lines = [line.format(w=w_error, b=b_error) for line in self.own.error_lines]
        for line in lines:
            self._say(line)

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self.progress.lines)
