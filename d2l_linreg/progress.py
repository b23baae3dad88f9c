"""What is going on, told on standard error for as long as it lasts, where that is a terminal."""
import contextlib
import os
import sys
import warnings

from tqdm import tqdm

from .terminal import WIDTH


def step(told: str) -> "tqdm[None]":
    """A line that is there while its block runs."""
    return tqdm(desc=told, bar_format="{desc} ...", leave=False, disable=None, ncols=_width())


def bar(told: str, total: int, unit: str, *, shown: bool = True) -> "tqdm[None]":
    """A bar that is there while its block runs.

    Parameters
    ----------
    told : str
        What is going on.
    total : int
        Where its `update` ends.
    unit : str
        Of that.
    shown : bool, default True
        False has no bar at all.
    """
    return tqdm(desc=told, total=total, unit=" " + unit, unit_scale=total >= 1000, leave=False,
                disable=None if shown else True, ncols=_width())


def _width() -> int | None:
    """The columns of a terminal that does not tell; None of one that does, and is asked."""
    with contextlib.suppress(OSError, ValueError):  # no terminal, no file at all
        if os.get_terminal_size(sys.stderr.fileno()).columns == 0:
            return WIDTH
    return None


def say(line: str) -> None:
    """Print a line, for which bars make room; if that fails, whoever says it goes on."""
    try:
        tqdm.write(line)
    except BrokenPipeError:  # whoever read has stopped
        pass
    except OSError as error:
        warnings.warn(f"what is printed cannot be written: {error}", stacklevel=2)
