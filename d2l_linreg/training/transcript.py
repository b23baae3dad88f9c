"""What a notebook prints while it trains."""
from typing import Any

import numpy

from ..compat.printing import str_of_2019
from ..progress import say
from ..settings import Notebook


class Transcript:
    """The lines of a run, kept and, if `verbose`, printed as they come: those its notebook has.

    Parameters
    ----------
    own : Notebook
    verbose : bool
    """

    def __init__(self, own: Notebook, verbose: bool) -> None:
        self.own, self.verbose, self.lines = own, verbose, list[str]()

    def average(self, epoch: int, batch: int, average: float) -> None:
        """Add a moving average, of an epoch and a batch counted from 0."""
        self._say(self.own.average_line, epoch=epoch, batch=batch, average=average)

    def epoch(self, epoch: int, loss: float) -> None:
        """Add the loss after an epoch, counted from 0."""
        self._say(self.own.epoch_line, epoch=epoch + 1, loss=loss)

    def errors(self, w: numpy.ndarray, b: numpy.ndarray) -> None:
        """Add the errors of w and b, of shapes (num_features,) and (1,)."""
        for line in self.own.error_lines:
            self._say(line, w=str_of_2019(w), b=str_of_2019(b))

    def _say(self, line: str | None, **values: Any) -> None:
        if line is not None:
            self.lines.append(line.format(**values))
            if self.verbose:
                say(self.lines[-1])

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self.lines)
