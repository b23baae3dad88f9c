"""Reading a notebook in the forms in which it travels: .ipynb, or Markdown with outputs."""
import ast
import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from nbformat import v4

from ..errors import ArgumentError

_INPUT = re.compile(r"python3?\b|\{\.python\s+\.input\b")
_OUTPUT = re.compile(r"\{\.json\s+\.output\b")
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
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{path!r} is not text in UTF-8: {error}") from error
    is_notebook = path.endswith(".ipynb")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without an id, which are given one
            notebook = nbformat.reads(text, as_version=4) if is_notebook else from_markdown(text)
            nbformat.validate(notebook, relax_add_props=True)
    except Exception as error:  # of several kinds, by what is broken
        what = "Jupyter notebook" if is_notebook else "notebook in Markdown"
        raise ArgumentError(f"{path!r} is not a {what}: {error}") from error
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        raise ArgumentError(f"{path!r} holds no cell of Python; give an .ipynb file, or Markdown "
                            "with fenced python")
    for cell in notebook.cells:
        cell.setdefault("id", v4.new_raw_cell().id)
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    return notebook


def from_markdown(text: str) -> nbformat.NotebookNode:
    """Make a notebook of Markdown.

    A fence marked `python`, or notedown's `{.python .input}`, is a code cell. Its output is
    the indented block that follows it, or the outputs in notedown's `{.json .output}` fence.
    All else is text.

    Parameters
    ----------
    text : str

    Returns
    -------
    nbformat.NotebookNode
    """
    lines = text.splitlines()
    cells, prose_from, code = [], 0, None

    def end_prose(line: int) -> None:
        prose = "\n".join(lines[prose_from:line]).strip()
        if prose:
            cells.append(v4.new_markdown_cell(prose))

    for token in MarkdownIt("commonmark").parse(text):
        if token.level > 0 or token.map is None:
            continue
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
    return v4.new_notebook(cells=cells)


def _output(output: dict[str, Any]) -> nbformat.NotebookNode:
    """An output as notedown writes it, complete, its texts in one piece."""
    if output.setdefault("output_type", "stream") == "execute_result":
        output.setdefault("execution_count", None)
    if output["output_type"] == "stream":
        output.setdefault("name", "stdout")
    if "data" in output:
        output.setdefault("metadata", {})
    made = nbformat.from_dict(output)
    for texts in (made, made.get("data", {})):
        texts.update({key: "".join(text) for key, text in texts.items()
                      if key in ("text", "text/plain") and isinstance(text, list)})
    return made


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
            ast.parse(code)
        except SyntaxError as error:
            if "Missing parentheses in call to 'print'" in str(error):
                raise ArgumentError(
                    f"cell {number} has a print of Python 2: {(error.text or '').strip()!r}. The "
                    "notebook is for Python 2; make it one for Python 3, as by 2to3, or say --as "
                    "with an era to run what else there is") from None
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
            tree = ast.parse(code)
        except SyntaxError:  # other magic; its imports cannot be told
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
    return "\n".join(line for line in source.splitlines()
                     if not line.lstrip().startswith(("%", "!")))
