"""Reading a notebook in the forms in which it travels: .ipynb, or Markdown with outputs."""
import ast
import json
import re
import textwrap
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from nbformat import v4
from nbformat.v4.rwbase import rejoin_lines

from ..errors import ArgumentError

# How a fence is marked: python, py, ipython3, Python, {.python .input n=1}, {python}
_INPUT = re.compile(r"\s*(\{\s*\.?)?i?py(thon)?3?(?![\w-])", re.IGNORECASE)
_OUTPUT = re.compile(r"\s*\{\s*\.json\s+\.output\b")
_MOST_NESTED = 100  # lists and tables in a file: what goes deeper, Python cannot copy or write
_FRAMEWORKS = {"torch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "paddle": "Paddle",
               "mindspore": "MindSpore", "keras": "Keras"}


def read(path: str) -> nbformat.NotebookNode:
    """Read a notebook.

    Parameters
    ----------
    path : str
        An .ipynb file; any other is read as Markdown (see `from_markdown`).

    Returns
    -------
    nbformat.NotebookNode

    Raises
    ------
    ArgumentError
        If the file holds neither a notebook nor a cell of Python.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")  # some editors put a mark before it
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{path!r} is not text in UTF-8: {error}") from error
    is_notebook = path.endswith(".ipynb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without an id, which are given one
            content = json.loads(text) if is_notebook else from_markdown(text)
            _check_depth(content)  # before anything tries to say what is in it
            notebook = nbformat.reads(text, as_version=4) if is_notebook else content
            nbformat.validate(notebook, relax_add_props=True)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.source.encode()  # which half of a surrogate pair cannot be
    except Exception as error:  # of several kinds, by what is broken
        what = "Jupyter notebook" if is_notebook else "notebook in Markdown"
        told = str(error).partition("\n")[0][:300]  # jsonschema's go on with all that there is
        raise ArgumentError(f"{path!r} is not a {what}: {told or type(error).__name__}") from error
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise ArgumentError(f"{path!r} holds no cell of Python; give an .ipynb file, or Markdown "
                            "with fenced python")
    for cell in notebook.cells:
        if "id" not in cell or notebook.nbformat_minor < 5:  # which knew of none
            cell.id = v4.new_raw_cell().id
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    return notebook


def _check_depth(content: Any) -> None:
    """See that it can be copied and written; a ValueError if not."""
    level = [content]
    for _ in range(_MOST_NESTED):
        level = [inner for outer in level if isinstance(outer, (dict, list))
                 for inner in (outer.values() if isinstance(outer, dict) else outer)]
    if level:
        raise ValueError(f"something in it is nested more than {_MOST_NESTED} deep")


def from_markdown(text: str) -> nbformat.NotebookNode:
    """Make a notebook of Markdown.

    A fence marked `python`, `py`, `ipython` or the like, or notedown's `{.python .input}`, is a
    code cell, also in a list or a quotation. Its output is the indented block that follows it, or
    the outputs in notedown's `{.json .output}` fence. All else is text.

    Parameters
    ----------
    text : str

    Returns
    -------
    nbformat.NotebookNode
    """
    parser = MarkdownIt("commonmark")
    state = StateCore(text, parser, {})
    parser.core.process(state)
    lines = state.src.split("\n")  # as the parser counts them; Python knows other ends of lines
    items: list[list[int]] = []  # of lists, around a token: their first lines, and those after them
    cells, prose_from, code = [], 0, None

    def end_prose(line: int) -> None:
        prose = "\n".join(lines[prose_from:line])
        if items and items[0][0] < prose_from:  # what is left of an item stands by itself
            prose = textwrap.dedent(prose)
        if prose.strip():
            cells.append(v4.new_markdown_cell(prose.strip("\n")))

    for token in state.tokens:
        if token.type == "list_item_close":
            start, end = items[-1]
            if start < prose_from:
                end_prose(end)
                prose_from = end
            items.pop()
        if token.map is None:
            continue
        if token.type == "list_item_open":
            items.append(token.map)
        if code is not None and any(
                line.strip(" \t>") for line in lines[prose_from:token.map[0]]):
            code = None  # text came between, as a definition of a link, of which is no token
        is_input = token.type == "fence" and _INPUT.match(token.info)
        is_outputs = token.type == "fence" and _OUTPUT.match(token.info)
        if is_input:
            end_prose(token.map[0])
            code = v4.new_code_cell(token.content.rstrip("\n"))
            cells.append(code)
        elif is_outputs and code is not None:
            code.outputs += [_output(output) for output in json.loads(token.content)]
        elif token.type == "code_block" and code is not None:
            code.outputs.append(v4.new_output("stream", text=token.content))
        else:
            if token.nesting >= 0:
                code = None  # what follows text is not output
            continue
        prose_from = token.map[1]
    end_prose(len(lines))
    return rejoin_lines(v4.new_notebook(cells=cells))


def _output(output: dict[str, Any]) -> nbformat.NotebookNode:
    """An output as notedown writes it, complete."""
    if output.setdefault("output_type", "stream") == "execute_result":
        output.setdefault("execution_count", None)
    if output["output_type"] == "stream":
        output.setdefault("name", "stdout")
    if "data" in output:
        output.setdefault("metadata", {})
    return nbformat.from_dict(output)


def check_language(notebook: nbformat.NotebookNode) -> None:
    """See that a notebook is for Python 3 and MXNet, as far as its code tells.

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Raises
    ------
    ArgumentError
        If a cell holds Python 2's `print`, or it imports another framework, or nothing of MXNet's.
    """
    for number, code in _code(notebook):
        try:
            parsed(code)
        except SyntaxError as error:
            if "Missing parentheses in call to 'print'" in str(error):
                line = (error.text or "").strip()[:80]
                raise ArgumentError(
                    f"cell {number} has a print of Python 2: {line!r}. The "
                    "notebook is for Python 2; make it one for Python 3, as by 2to3, or say --as "
                    "with an era to run what else there is") from None
        except UNREADABLE:
            continue
    names = imports(notebook)
    modules = {name.partition(".")[0] for name in names}
    others = {module for module in (*modules, *(name.partition(".")[2] for name in names
                                                if name.startswith("d2l.")))
              if module in _FRAMEWORKS}
    if not modules & {"mxnet", "d2l", "d2l_linreg"} or others and "mxnet" not in modules:
        named = " and ".join(sorted(_FRAMEWORKS[name] for name in others))
        what = (f"is for {named}, whose numbers are not MXNet's" if others else
                "imports neither mxnet nor d2l")
        raise ArgumentError(f"the notebook {what}; give one for MXNet, or say --as with an era")


def imports(notebook: nbformat.NotebookNode) -> set[str]:
    """What a notebook's code imports: modules, and names from them as "module.name".

    Parameters
    ----------
    notebook : nbformat.NotebookNode

    Returns
    -------
    set of str
        Without what stands in cells that are not Python but for lines of magic.
    """
    names: set[str] = set()
    for _, code in _code(notebook):
        try:
            tree = parsed(code)
        except UNREADABLE:  # other magic; its imports cannot be told
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _code(notebook: nbformat.NotebookNode) -> Iterator[tuple[int, str]]:
    """The cells of code, with their numbers, without lines of magic."""
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield number, without_magic(cell.source)


def without_magic(source: str) -> str:
    """A cell's code but for lines of magic."""
    return "\n".join(line for line in source.split("\n")
                     if not line.lstrip().startswith(("%", "!")))


UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)  # as Python says of code


def parsed(code: str) -> ast.Module:
    """The tree of some code, without a word on its style; one of UNREADABLE if it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code)
