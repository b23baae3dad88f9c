"""What a notebook prints while it trains."""
from typing import Any

from ..progress import say
from .checkpoint import Progress


class Transcript:
    """The lines of a run, kept in its progress and, if `verbose`, printed as they come.

    Parameters
    ----------
    progress : Progress
        The lines in it, of before a checkpoint, come again.
    verbose : bool
    """

    def __init__(self, progress: Progress, verbose: bool) -> None:
        self.progress, self.verbose = progress, verbose
        if verbose:
            print(end=str(self))

    def say(self, line: str | None, **values: Any) -> None:
        """Fill in and add a line of the notebook's, if it has it."""
        if line is not None:
            self.progress.lines.append(line.format(**values))
            if self.verbose:
                say(self.progress.lines[-1])

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self.progress.lines)
