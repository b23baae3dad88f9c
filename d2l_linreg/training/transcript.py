"""What a notebook prints while it trains."""
from typing import Any

from ..progress import say


class Transcript:
    """The lines of a run, kept and, if `verbose`, printed as they come.

    Parameters
    ----------
    verbose : bool
    """

    def __init__(self, verbose: bool) -> None:
        self.verbose, self.lines = verbose, list[str]()

    def say(self, line: str | None, **values: Any) -> None:
        """Fill in and add a line of the notebook's, if it has it."""
        if line is not None:
            self.lines.append(line.format(**values))
            if self.verbose:
                say(self.lines[-1])

    def __str__(self) -> str:
        return "".join(line + "\n" for line in self.lines)
