"""What a cell put out, as text that can be compared."""
import re

import nbformat

# What cannot come out again, by three patterns
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_LOG_LINE = re.compile(r"^.*\b\d{1,2}:\d{2}:\d{2}\b.*(\n|\Z)", re.MULTILINE)
_DURATION = re.compile(r"\b\d+(\.\d+)?(e[-+]?\d+)? ?(s|sec|secs|second|seconds|ms|µs|μs|us|ns)\b")

BUNDLES = ("execute_result", "display_data")  # the outputs that hold data of several kinds

# What stands in text for a picture, and for an HTML result
_FIGURE = re.compile(
    r"<(matplotlib\.figure\.)?Figure (size [\d.]+x[\d.]+ with \d+ Axes|at 0x[0-9a-f]+)>")
_OBJECT = re.compile(r"<[\w.]+ object( at 0x[0-9a-f]+)?>\s*")


def printed(cell: nbformat.NotebookNode) -> str:
    """The text that a cell printed, returned and displayed, without trailing blanks.

    Parameters
    ----------
    cell : nbformat.NotebookNode
        A code cell.

    Returns
    -------
    str
        Standard output, and results by their plain text or, where they have none but for a type's
        name, by the text in their HTML; nothing of pictures.
    """
    text = ""
    for output in cell.outputs:
        if output.output_type == "stream" and output.get("name", "stdout") == "stdout":
            text += output.text
        elif output.output_type in BUNDLES and not any(
                kind.startswith("image/") for kind in output.data):
            data = {kind: text for kind, text in output.data.items() if isinstance(text, str)}
            plain, html = data.get("text/plain", ""), data.get("text/html")
            if html is not None and _OBJECT.fullmatch(plain or "<_ object>"):
                plain = _text_of(html)
            text += plain + "\n" if plain and not _FIGURE.fullmatch(plain) else ""
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))


def _text_of(html: str) -> str:
    from bs4 import BeautifulSoup

    try:
        return "\n".join(BeautifulSoup(html, "html.parser").stripped_strings)
    except Exception:  # of Python's parser, at some of what begins with <!
        return html


def error(cell: nbformat.NotebookNode) -> str | None:
    """What a cell raised, in a line; None if it did not."""
    raised = [output for output in cell.outputs if output.output_type == "error"]
    if not raised:
        return None
    lines = [line.strip() for line in str(raised[0].evalue).split("\n") if line.strip()]
    if not lines:
        return raised[0].ename
    last = lines[-1].removeprefix("MXNetError: ")  # MXNet's come with a traceback of their own
    return f"{raised[0].ename}: {last if lines[0].startswith('Traceback') else lines[0]}"


def comparable(text: str) -> str:
    """A text without what cannot come out again.

    Memory addresses and durations in seconds are made dots, and lines with a time of day, which are
    a log's, are left out.
    """
    return _DURATION.sub("...", _ADDRESS.sub("...", _LOG_LINE.sub("", text))).rstrip()
