"""Running someone's notebook in a real kernel, as published, and comparing its outputs."""
import itertools
import os
from dataclasses import dataclass

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from nbformat import v4

from .. import published
from ..errors import ArgumentError
from ..reproduction.figures import DIFFERENT, IDENTICAL, TO_ROUNDING, compare_cell, other_words
from ..settings import NOTEBOOKS
from . import notebook_files


@dataclass(frozen=True)
class Comparison:
    """What a code cell printed when the notebook was stored, and what it prints now.

    Attributes
    ----------
    cell : int
        Its number in the notebook that is written, from 0.
    stored : str or None
        None where the notebook came without that cell's text.
    fresh : str
    verdict : str or None
        "identical" (trailing blanks aside), "to rounding" (a published training cell, its
        figures within the stated bound) or "different"; None where nothing was stored.
    error : str or None
        What the cell raised, if it did.
    """

    cell: int
    stored: str | None
    fresh: str
    verdict: str | None
    error: str | None = None


@dataclass(frozen=True)
class Execution:
    """A notebook with fresh outputs, the MXNet it ran as, and the comparison of its cells."""

    notebook: nbformat.NotebookNode
    published_notebook: str
    comparisons: tuple[Comparison, ...]

    @property
    def ok(self) -> bool:
        """Whether no cell failed, and none prints something different."""
        return all(c.error is None and c.verdict != DIFFERENT for c in self.comparisons)

    def __str__(self) -> str:
        lines = []
        for comparison in self.comparisons:
            if comparison.error is not None:
                lines.append(f"cell {comparison.cell}: failed: {comparison.error}")
            elif comparison.stored is not None:
                lines.append(f"cell {comparison.cell}: {comparison.verdict}")
                if comparison.verdict != IDENTICAL:
                    lines += _side_by_side(comparison.stored, comparison.fresh)
        if not lines:
            lines.append("The notebook came without outputs to compare with.")
        return "\n".join(lines)


def _side_by_side(stored: str, fresh: str) -> list[str]:
    rows = [("stored", "now"), ("------", "---")]
    rows += itertools.zip_longest(stored.splitlines(), fresh.splitlines(), fillvalue="")
    width = max(len(left) for left, _ in rows)
    return [f"    {left.ljust(width)} {' ' if left == right else '|'} {right}"
            for left, right in rows]


def published_notebook(notebook: nbformat.NotebookNode) -> str:
    """Tell from its imports which published notebook this is.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    {"d2l", "straight_dope"}
        d2l if it imports `d2l`, or `np` or `npx` from mxnet; straight_dope if it imports
        `nd` from mxnet, or our `straight_dope`.

    Raises
    ------
    ArgumentError
        If it does neither.
    """
    names = notebook_files.imports(notebook)
    for own in NOTEBOOKS.values():
        if names & own.imports:
            return own.name
    raise ArgumentError("the notebook's imports do not tell which MXNet it wants; say --as d2l or "
                        "--as straight_dope")


def run(path: str, notebook: str = "auto", ctx: str | None = None) -> Execution:
    """Execute a notebook in a real kernel, in its own folder, with MXNet as published.

    A first cell is put before its own, `%load_ext d2l_linreg` and `%as_published`; all else
    runs as it stands. The file is only read.

    Parameters
    ----------
    path : str
        An .ipynb file, or Markdown (see `notebook_files.from_markdown`).
    notebook : {"auto", "d2l", "straight_dope"}, default "auto"
        As which it runs; "auto" decides from its imports.
    ctx : str, optional
        MXNet's default device, as for `train`.

    Returns
    -------
    Execution

    Raises
    ------
    ArgumentError
        If the file is no notebook, or its imports tell nothing and `notebook` is "auto".
    OSError
        If the kernel died.
    """
    stored = notebook_files.read(path)
    if notebook == "auto":
        notebook = published_notebook(stored)
    fresh = nbformat.from_dict(stored)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    line = " ".join(["%as_published", notebook, *([ctx] if ctx else [])])
    fresh.cells.insert(0, v4.new_code_cell(
        "# Shuffles come in orders found by search; they are not the authors' own.\n"
        "%load_ext d2l_linreg\n" + line))
    fresh.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python"}
    fresh.nbformat_minor = max(fresh.nbformat_minor, 5)
    fresh = nbformat.from_dict(nbformat.v4.upgrade(fresh))
    try:
        NotebookClient(fresh, kernel_name="python3", allow_errors=True, timeout=None,
                       resources={"metadata": {"path": os.path.dirname(os.path.abspath(path))}}
                       ).execute()
    except DeadKernelError as error:
        raise OSError(f"the kernel died while it ran {path!r}: {error}") from error
    pairs = zip([None, *stored.cells], fresh.cells, strict=True)
    return Execution(fresh, notebook, tuple(
        _compare(number, was, now, notebook)
        for number, (was, now) in enumerate(pairs) if now.cell_type == "code"))


def _compare(number: int, was: nbformat.NotebookNode | None, now: nbformat.NotebookNode,
             notebook: str) -> Comparison:
    errors = [output for output in now.outputs if output.output_type == "error"]
    error = f"{errors[0].ename}: {errors[0].evalue}" if errors else None
    stored = notebook_files.printed(was) if was is not None else ""
    fresh = notebook_files.printed(now)
    if not stored:  # a picture, say, has no text to compare
        return Comparison(number, None, fresh, None, error)
    if stored == fresh:
        return Comparison(number, stored, fresh, IDENTICAL, error)
    for cell in published.document(notebook)["cells"]:
        if all(other_words(cell["text"], text) is None and all(
                figure.verdict != DIFFERENT for figure in compare_cell(notebook, cell, text))
               for text in (stored, fresh)):
            return Comparison(number, stored, fresh, TO_ROUNDING, error)
    return Comparison(number, stored, fresh, DIFFERENT, error)
