"""What `d2l-linreg reproduce` prints: lines of 80 columns at most, and the verdict of all last."""
import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..terminal import WIDTH
from .cells import by_cell
from .figures import DIFFERENT, IDENTICAL, TO_ROUNDING, Figure

if TYPE_CHECKING:
    from .reproduce import Reproduction

GREEN, YELLOW, RED = 32, 33, 31
COLOURS = {"Not reproduced.": RED, "Reproduced.": GREEN, DIFFERENT: RED, TO_ROUNDING: YELLOW,
           IDENTICAL: GREEN}
UNKNOWN = ("Nothing that is known of this machine explains it. If `pip install .` into a new "
           "environment gives the same, it is a fault: report it with what `d2l-linreg info` "
           "prints.")


def lines(reproduction: "Reproduction", every_figure: bool = False) -> Iterator[str]:
    """Tell a reproduction cell by cell, then what is not identical, then all together.

    Parameters
    ----------
    reproduction : Reproduction
    every_figure : bool, default False
        Whether a cell's line is followed by one for each of its figures: the published value,
        the reproduced one, and the percentile of the replicates.

    Yields
    ------
    str
        A line, without its end.
    """
    for notebook in reproduction.notebooks:
        yield notebook.notebook
        for cell in by_cell(notebook.cells, notebook.figures):
            yield _row(cell.cell.cell, str(cell), cell.verdict)
            if every_figure:
                yield from map(_figure, cell.figures)
        picture = notebook.picture
        yield _row(f"picture, {picture.unit}", f"{picture.identical:,} of {picture.published:,}",
                   picture.verdict)
    yield ""
    for verdict, reasons in ((TO_ROUNDING, reproduction.shortfalls),
                             (DIFFERENT, reproduction.shortfalls or (UNKNOWN,))):
        figures = [figure for figure in reproduction.figures if figure.verdict == verdict]
        if figures:
            yield f"{verdict.capitalize()}, published over reproduced:"
            for figure in figures:
                yield f"  {figure.notebook} {figure.figure}"
                yield f"    {figure.published}"
                yield f"    {figure.reproduced or 'nothing'}"
                yield from _wrapped(figure.reason or "", "    ")
            for reason in reasons:
                yield from _wrapped(reason, "  ")
            yield ""
    for line in reproduction.summary.splitlines():
        yield from _wrapped(line)
    yield "Reproduced." if reproduction.ok else "Not reproduced."


def painted(line: str) -> str:
    """A line with its verdict in colour, as terminals have them."""
    return re.sub(
        f"({'|'.join(COLOURS)})", lambda word: f"\x1b[{COLOURS[word[0]]}m{word[0]}\x1b[0m", line)


def _row(name: str, count: str, verdict: str) -> str:
    return f"  {name:<21} {count:>16}  {verdict}"


def _figure(figure: Figure) -> str:
    """A figure in a line: marked, if it is different."""
    percentile = "" if figure.percentile is None else f"{figure.percentile:.0f}%"
    return (f"{'!' if figure.verdict == DIFFERENT else '':>3} {figure.figure:<35} "
            f"{figure.published:>17} {figure.reproduced or '-':>17} {percentile:>4}").rstrip()


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ")
